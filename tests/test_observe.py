"""Observation round by round: what fails or is stopped stays unknown, and unknown is never absent.

The world is a fleet in memory (`kit.memory`); alpha is in trouble, beta is well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from reconciler.facts.selection import select
from reconciler.model.desired import Npub
from reconciler.model.observed import Absent, Cause, Listing, Observed, ServerView, Unknown
from reconciler.model.plan import Verdict
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.observe import observe
from reconciler.world import Failure
from tests.kit.memory import Asked, Held, Listener, MemoryWorld, failing
from tests.kit.people import ALICE, BOB, WIDGET, url
from tests.kit.values import desired, oid, planned

MAIN = "refs/heads/main"
ALPHA, BETA, GAMMA, INDEX = (url(name) for name in ("alpha", "beta", "gamma", "index"))
TO_GAMMA = [("relays", "wss://gamma.example")]
ANN = ALICE.announce("widget", ["alpha", "beta"], maintainers=[BOB], extra=TO_GAMMA)
BOBS = BOB.announce("widget", ["alpha", "beta"], maintainers=[ALICE])
STATE = BOB.state("widget", {MAIN: oid(2)}, at=10)
ISSUE = BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), at=20)
COMMENT = ALICE.sign(kinds.COMMENT, ("e", ISSUE.id), at=30)
SHY = BOB.sign(kinds.COMMENT, ("e", ISSUE.id), at=31)
EVERYTHING = [ANN, BOBS, STATE, ISSUE, COMMENT, SHY]
WISH = desired(
    "alpha",
    "beta",
    "delta",  # not listed yet, so that the announcement would be signed anew
    owners=[Npub(pubkey=ALICE.pubkey, name="alice", signer="alice")],
    index=["index"],
)


def fleet() -> MemoryWorld:
    """Beta is behind by one commit; alpha serves one event by its id alone; gamma is a witness."""
    return MemoryWorld(
        servers={
            ALPHA: Held(
                events=[*EVERYTHING], refs={WIDGET: {MAIN: oid(2)}}, shy=frozenset({SHY.id})
            ),
            BETA: Held(events=[*EVERYTHING], refs={WIDGET: {MAIN: oid(1)}}),
            url("delta"): Held(),
            INDEX: Held(events=[ANN]),
            GAMMA: Held(events=[ANN]),
        }
    )


def look(world: MemoryWorld, listener: Listener | None = None, *, every: int = 0) -> Observed:
    return observe(WISH, world, listener or Listener(), select(WISH), forks=1, every=every)


def round_of(asked: Asked) -> str:
    """In which round a question is put, by what it asks."""
    if asked.verb != "query":
        return {"info": "greeting", "keep": "gather"}.get(asked.verb, asked.verb)
    assert isinstance(asked.what, tuple)
    first: Filter = asked.what[0]
    letters = {letter for letter, _ in first.tags}
    if first.ids:
        return "by id"
    if letters & {"e", "E"}:
        return "replies"
    if letters & {"a", "A"}:
        return "repository"
    return "authority" if "d" in letters else "announcements"


ROUNDS = ("greeting", "announcements", "authority", "repository", "replies", "by id", "refs")
"""In this order, and each of them puts a question to alpha."""
RELAY_ROUNDS = ROUNDS[1:-1]


def at(wanted: str, server: str = ALPHA) -> Callable[[Asked], bool]:
    return lambda asked: asked.server == server and round_of(asked) == wanted


@cache
def whole() -> Observed:
    """What a look without trouble sees."""
    return look(fleet())


def test_every_round_asks_and_in_this_order() -> None:
    world = fleet()
    look(world)
    asked = [round_of(a) for a in world.asked if a.server == ALPHA and a.verb != "relay"]
    assert [r for n, r in enumerate(asked) if r in ROUNDS and r not in asked[:n]] == [*ROUNDS]


def test_a_whole_look_sees_what_every_server_holds() -> None:
    seen = whole()
    assert {e.id for e in seen.events} == {e.id for e in EVERYTHING}
    for server in (ALPHA, BETA):
        assert seen.view(server).unknown is None
        assert seen.view(server).served == {e.id for e in EVERYTHING}
    assert seen.view(ALPHA).refs(WIDGET) == Listing(((MAIN, oid(2)),))
    assert seen.view(url("delta")).refs(WIDGET) == Absent()
    assert seen.view(INDEX).listings == ()


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.INCOMPLETE, Cause.PROTOCOL])
@pytest.mark.parametrize("wanted", RELAY_ROUNDS)
def test_who_fails_a_round_is_unknown_and_asked_no_more(wanted: str, cause: Cause) -> None:
    world = fleet()
    world.trouble = failing(at(wanted), cause=cause)
    seen = look(world)
    alpha = seen.view(ALPHA)
    assert alpha.unknown and alpha.unknown.cause is cause
    assert alpha.listings == ()
    asked = [round_of(a) for a in world.asked if a.server == ALPHA]
    later = set(ROUNDS[ROUNDS.index(wanted) + 1 :])
    assert not later.intersection(asked)
    assert asked.count(wanted) == 1
    assert seen.view(BETA) == whole().view(BETA)


@pytest.mark.parametrize(
    ("cause", "goes_on"),
    [
        (Cause.PROTOCOL, True),  # an answer, and no NIP-11 document
        (Cause.HTTP, True),
        (Cause.NOT_FOUND, True),
        (Cause.TIMEOUT, False),
        (Cause.REFUSED, False),
        (Cause.TLS, False),
        (Cause.EGRESS, False),
        (Cause.BUDGET, False),
    ],
)
def test_who_cannot_be_greeted_is_asked_only_where_it_answered(cause: Cause, goes_on: bool) -> None:
    world = fleet()
    world.trouble = failing(at("greeting"), cause=cause)
    alpha = look(world).view(ALPHA)
    assert alpha.info is None
    assert (alpha.unknown is None) is goes_on
    assert bool(alpha.served) is goes_on


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.NOT_FOUND, Cause.HTTP])
def test_refs_that_are_not_told_are_unknown_and_the_server_is_not(cause: Cause) -> None:
    world = fleet()
    world.trouble = failing(at("refs"), cause=cause)
    alpha = look(world).view(ALPHA)
    assert alpha.unknown is None
    assert alpha.served == whole().view(ALPHA).served
    refs = alpha.refs(WIDGET)
    assert isinstance(refs, Unknown) and refs.cause is cause


@pytest.mark.parametrize("wanted", ROUNDS)
def test_nothing_is_planned_on_what_is_unknown(wanted: str) -> None:
    """Alpha is as it should be: whatever is planned for it came from reading silence as absence."""
    world = fleet()
    world.trouble = failing(at(wanted))
    plan = planned(WISH, look(world))
    assert [a for a in plan.actions if a.server == ALPHA] == []
    verdicts = {c.verdict for c in plan.cells if c.server == ALPHA}
    assert verdicts <= {Verdict.UNKNOWN, Verdict.HELD}, verdicts


@pytest.mark.parametrize("wanted", ROUNDS)
def test_one_server_s_trouble_hides_nothing_that_others_show(wanted: str) -> None:
    world = fleet()
    world.trouble = failing(at(wanted))
    assert look(world).events == whole().events


# --- a stop, at every single question ------------------------------------------------------------


def questions() -> int:
    world = fleet()
    look(world, every=1)
    return len(world.asked)


SURE = ("archived", "ancestry", "root")
"""What never raises `Failure`."""
EACH = [pytest.param(n, marks=pytest.mark.long if n % 5 else ()) for n in range(questions())]
"""The number of a question: every fifth one in the quick run, all of them in `make long`."""
BEGUN = {"relay": {"query"}, "gather": {"gather", "ancestry"}}
"""What a stop lets go on: the question for which a relay was opened, one repository's objects."""


@pytest.mark.parametrize("number", EACH)
def test_a_stop_at_any_question_leaves_unknown_what_was_not_asked(number: int) -> None:
    world, listener = fleet(), Listener()

    def stop(_: Asked) -> None:
        listener.stop = len(world.asked) > number

    world.trouble = stop
    seen, complete = look(world, listener, every=1), whole()
    after = {asked.verb for asked in world.asked[number + 1 :]}
    assert after <= {"info", "archived"} | BEGUN.get(world.asked[number].verb, set())
    for view in seen.views:
        agrees(view, complete.view(view.url), {event.id for event in seen.events})
    assert orders(seen) <= orders(complete)


@pytest.mark.parametrize("number", EACH)
def test_a_failure_at_any_question_leaves_unknown_what_it_asked(number: int) -> None:
    world = fleet()

    def fail(_: Asked) -> None:
        if len(world.asked) == number + 1 and world.asked[-1].verb not in SURE:
            raise Failure(Unknown(Cause.CUT, ""))

    world.trouble = fail
    seen, complete = look(world, every=1), whole()
    for view in seen.views:
        agrees(view, complete.view(view.url), {event.id for event in seen.events})
    assert orders(seen) <= orders(complete)


def orders(seen: Observed) -> set[str]:
    """What would be done: who knows less plans no more."""
    return {action.key for action in planned(WISH, seen).actions}


def agrees(view: ServerView, complete: ServerView, known: set[str]) -> None:
    """What it says is true; what it could not learn it does not say. `known` is what anybody
    showed: nobody can be asked for the rest."""
    assert view.served <= complete.served
    assert view.unknown or view.served == complete.served & known
    for coordinate, refs in view.listings:
        assert isinstance(refs, Unknown) or refs == complete.refs(coordinate)


def test_a_stop_before_the_first_question_asks_no_relay() -> None:
    world = fleet()
    seen = look(world, Listener(stop=True))
    assert world.verbs("query", "refs", "gather") == []
    assert {v.unknown.cause for v in seen.views if v.unknown} == {Cause.STOPPED}
    assert all(v.unknown for v in seen.views)


# --- witnesses, objects and clones ----------------------------------------------------------------


def test_a_witness_is_read_before_something_is_signed_and_never_for_what_it_lacks() -> None:
    world = fleet()
    gamma = look(world).view(GAMMA)
    assert gamma.witness
    assert gamma.served == {ANN.id}
    asked = {round_of(asked) for asked in world.asked if asked.server == GAMMA}
    assert asked.isdisjoint({"greeting", "by id", "refs"})


def test_a_witness_that_is_silent_is_unknown_and_holds_the_signature() -> None:
    world = fleet()
    world.trouble = failing(lambda asked: asked.server == GAMMA)
    seen = look(world)
    assert seen.view(GAMMA).unknown
    assert seen.view(ALPHA) == whole().view(ALPHA)


def test_a_ref_that_would_move_is_compared_once_both_ends_are_here() -> None:
    seen = whole()
    ((coordinate, (found,)),) = seen.ancestry
    assert (coordinate, found.old, found.new, found.forward) == (WIDGET, oid(1), oid(2), True)


@pytest.mark.parametrize("source", [ALPHA, BETA])
def test_an_end_that_cannot_be_had_leaves_the_comparison_unknown(source: str) -> None:
    world = fleet()
    world.trouble = failing(at("gather", source))
    ((_, (found,)),) = look(world).ancestry
    assert found.forward is None


@pytest.mark.parametrize(
    ("cause", "hollow"),
    [
        (Cause.INCOMPLETE, True),
        (Cause.NOT_FOUND, True),
        (Cause.TIMEOUT, False),  # that tells of time, not of the repository
        (Cause.SKIPPED, False),
        (Cause.LOCAL, False),
    ],
)
def test_a_clone_that_fails_is_told_where_it_tells_of_the_repository(
    cause: Cause, hollow: bool
) -> None:
    world = fleet()
    world.trouble = failing(at("try_clone"), cause=cause)
    seen = look(world, every=1)
    assert bool(seen.view(ALPHA).hollow) is hollow
    assert seen.view(BETA).hollow == ()
    assert replace(seen.view(ALPHA), hollow=()) == whole().view(ALPHA)
