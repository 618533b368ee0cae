"""A plan in, its outcomes out: what a failure, a refusal, a limit and a stop at each wave come to.

The world is a fleet in memory (`kit.memory`). Alpha has all, beta is listed and empty, gamma is
new, so that every wave there is has its actions on beta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import pytest

from reconciler.apply import apply
from reconciler.errors import OurFault
from reconciler.facts.selection import select
from reconciler.model.actions import Action, Wave
from reconciler.model.desired import Npub
from reconciler.model.observed import Cause, Observed, Unknown
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Delegation, Plan
from reconciler.nostr import kinds
from reconciler.nostr.event import Draft, Event
from reconciler.observe import observe
from reconciler.world import Failure, Signer, Stale
from tests.kit.memory import Asked, Held, Keys, Listener, MemoryWorld, failing
from tests.kit.people import ALICE, BOB, WIDGET, url
from tests.kit.values import desired, oid, planned

MAIN, OLD = "refs/heads/main", "refs/heads/old"
ALPHA, BETA, GAMMA = (url(name) for name in ("alpha", "beta", "gamma"))
GADGET = ALICE.coordinate("gadget")
ANN = ALICE.announce("widget", ["alpha", "beta"], maintainers=[BOB])
BOBS = BOB.announce("widget", ["alpha", "beta"], maintainers=[ALICE])
STATE = ALICE.state("widget", {MAIN: oid(2)}, at=10)
ISSUE = BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), at=20)
PULL = BOB.sign(kinds.PULL_REQUEST, ("a", str(WIDGET)), ("c", oid(3)), at=21)
COMMENT = ALICE.sign(kinds.COMMENT, ("e", ISSUE.id), at=30)
GONE = BOB.sign(kinds.COMMENT, ("e", ISSUE.id), at=31)
DELETION = BOB.sign(kinds.DELETION, ("e", GONE.id), ("a", str(WIDGET)), at=32)
OTHER = [
    ALICE.announce("gadget", ["alpha", "beta", "gamma"]),
    ALICE.state("gadget", {MAIN: oid(5)}),
]
WISH = desired(
    "alpha", "beta", "gamma", owners=[Npub(pubkey=ALICE.pubkey, name="alice", signer="alice")]
)
KEYS = Keys.of(ALICE)
WAVES = [wave for wave in Wave if wave != Wave.SIGN]


def fleet(*, other: bool = True) -> MemoryWorld:
    """With `other` a second repository is missing on beta and gamma, too."""
    events = [ANN, BOBS, STATE, ISSUE, PULL, COMMENT, DELETION, *(OTHER if other else [])]
    refs = {WIDGET: {MAIN: oid(2), f"refs/nostr/{PULL.id}": oid(3)}, GADGET: {MAIN: oid(5)}}
    return MemoryWorld(servers={ALPHA: Held(events=events, refs=refs), BETA: Held(), GAMMA: Held()})


def looked(world: MemoryWorld) -> tuple[Plan, Observed]:
    seen = observe(WISH, world, Listener(), select(WISH), forks=1)
    world.asked.clear()
    return planned(WISH, seen), seen


@cache
def proposed(*, other: bool = True) -> tuple[Plan, Observed]:
    return looked(fleet(other=other))


def delegation(keys: tuple[str, ...]) -> Delegation:
    """Beta is to get these by itself, and has time for it."""
    since = fleet().time
    return Delegation(coordinate=WIDGET, server=BETA, since=since, until=since + 60, keys=keys)


def carried(
    world: MemoryWorld,
    listener: Listener | None = None,
    *,
    other: bool = True,
    signer: Signer | None = KEYS,
    withheld: frozenset[str] = frozenset(),
    left: tuple[str, ...] = (),
) -> dict[Action, Outcome]:
    plan, seen = proposed(other=other)
    plan = replace(plan, delegated=(delegation(left),)) if left else plan
    found = apply(
        plan,
        seen,
        world,
        signer,
        listener or Listener(),
        withheld=withheld,
        forks=1,
    )
    assert [outcome.key for outcome in found] == [action.key for action in plan.actions]
    return dict(zip(plan.actions, found, strict=True))


def of(ends: Mapping[Action, Outcome], wave: Wave, server: str = BETA) -> set[Result]:
    """How a wave of the widget ended."""
    return {
        outcome.result
        for action, outcome in ends.items()
        if (action.coordinate, action.wave, action.server) == (WIDGET, wave, server)
    }


def in_wave(wave: Wave) -> Callable[[Asked], bool]:
    """Is this the write of the widget's wave on beta?"""
    mine = [
        action
        for action in proposed()[0].actions
        if (action.coordinate, action.wave, action.server) == (WIDGET, wave, BETA)
    ]
    sent = {action.sends for action in mine} - {None}
    updates = [action.changes for action in mine if not action.sends]

    def here(asked: Asked) -> bool:
        if asked.server != BETA or asked.verb not in ("publish", "push"):
            return False
        what = asked.what
        assert isinstance(what, tuple)
        return what in updates or any(isinstance(e, Event) and e.id in sent for e in what)

    return here


def test_every_wave_has_something_to_do_on_beta() -> None:
    waves = {action.wave for action in proposed()[0].actions if action.server == BETA}
    assert waves == set(WAVES)


def test_without_trouble_everything_is_sent_and_nothing_is_called_done() -> None:
    ends = carried(fleet())
    assert {o.result for a, o in ends.items() if a.server} == {Result.SETTLING}
    assert {o.result for a, o in ends.items() if not a.server} == {Result.DONE}


# --- a failure at each wave ----------------------------------------------------------------------

TROUBLE: dict[str, tuple[Exception, Result]] = {
    "no answer": (Failure(Unknown(Cause.TIMEOUT, "")), Result.UNREACHABLE),
    "cut": (Failure(Unknown(Cause.CUT, "")), Result.UNREACHABLE),
    "an HTTP error": (Failure(Unknown(Cause.HTTP, "500")), Result.FAILED),
    "no such repository": (Failure(Unknown(Cause.NOT_FOUND, "")), Result.FAILED),
    "told to wait": (Failure(Unknown(Cause.RATE, "")), Result.DEFERRED),
    "our allowance is used up": (Failure(Unknown(Cause.BUDGET, "")), Result.DEFERRED),
    "a ref that moved": (Stale("it has moved"), Result.STALE),
    "a full disk below git": (Failure(Unknown(Cause.LOCAL, "No space left")), Result.FAILED),
    "a full disk": (OSError(28, "No space left on device"), Result.FAILED),
}
OF_A_PUSH = ("a ref that moved", "a full disk", "a full disk below git")
"""What only a push can meet: it has a precondition, and reads the archive."""
CASES = [
    (name, wave)
    for name in TROUBLE
    for wave in WAVES
    if name not in OF_A_PUSH or wave in (Wave.PUSH, Wave.PULLS)
]


@pytest.mark.parametrize(("name", "wave"), CASES)
def test_a_failure_ends_its_own_cell_and_no_other(name: str, wave: Wave) -> None:
    error, result = TROUBLE[name]
    world, here = fleet(), in_wave(wave)

    def trouble(asked: Asked) -> None:
        if here(asked):
            raise error

    world.trouble = trouble
    ends = carried(world)
    for action, outcome in ends.items():
        if action.server and (action.coordinate, action.server) != (WIDGET, BETA):
            assert outcome.result is Result.SETTLING
    assert of(ends, wave) == {result}
    for other in WAVES:
        if other < wave:
            assert of(ends, other) == {Result.SETTLING}
        if other > wave:
            assert of(ends, other) == {after(result, wave)}, other.name


def after(result: Result, wave: Wave) -> Result:
    """How the later waves of the same cell end."""
    leaf = wave == Wave.MEMBERS or (wave >= Wave.ROOTS and wave != Wave.PULLS)
    if result is Result.DEFERRED:
        return Result.DEFERRED  # its budget is the server's
    if result is Result.SKIPPED or leaf:
        return Result.SETTLING
    return Result.SKIPPED


# --- what servers answer --------------------------------------------------------------------------

ANSWERS = {
    "blocked: not here": Result.FAILED,
    "rate-limited: slow down": Result.DEFERRED,
    "duplicate: we have it": Result.UNCHANGED,
    "replaced: we have a newer one": Result.UNCHANGED,
}


@pytest.mark.parametrize("words", ANSWERS)
@pytest.mark.parametrize(("kind", "wave"), [(kinds.STATE, Wave.STATE), (kinds.ISSUE, Wave.ROOTS)])
def test_a_refusal_is_read_by_its_first_word(kind: int, wave: Wave, words: str) -> None:
    world = fleet()
    world.servers[BETA].refuses[kind] = words
    ends = carried(world)
    answered = {o.detail: o.result for a, o in ends.items() if o.detail == words and a.wave == wave}
    assert answered == {words: ANSWERS[words]}
    pushed = Result.SETTLING
    if kind == kinds.STATE and ANSWERS[words] is not Result.UNCHANGED:
        pushed = after(ANSWERS[words], wave)
    assert of(ends, Wave.PUSH) == {pushed}


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", range(10))
def test_a_repository_is_announced_and_stated_as_a_whole_or_not_at_all(budget: int) -> None:
    world = fleet(other=False)
    world.servers[BETA].budget = budget
    ends = carried(world, other=False)
    head = [of(ends, wave) for wave in (Wave.ANNOUNCE, Wave.MEMBERS, Wave.STATE)]
    assert head == [{Result.SETTLING if budget >= 3 else Result.DEFERRED}] * 3
    events = [o.result for a, o in ends.items() if a.server == BETA and a.sends]
    sent = min(budget, len(events)) if budget >= 3 else 0
    assert events.count(Result.SETTLING) == sent
    assert of(ends, Wave.PUSH, GAMMA) == {Result.SETTLING}
    again = {o.again for o in ends.values() if o.result is Result.DEFERRED}
    assert again <= {world.time + 60}


def test_when_the_time_of_the_run_is_used_up_all_is_deferred() -> None:
    world = fleet()
    world.rest = 0.0
    ends = carried(world)
    assert {o.result for a, o in ends.items() if a.server} == {Result.DEFERRED}
    assert world.verbs("publish", "push") == []


# --- a stop at each wave --------------------------------------------------------------------------


@pytest.mark.parametrize("wave", WAVES)
def test_after_a_stop_what_was_begun_ends_and_nothing_else_begins(wave: Wave) -> None:
    world, listener, here = fleet(other=False), Listener(), in_wave(wave)

    def stop(asked: Asked) -> None:
        listener.stop = listener.stop or here(asked)

    world.trouble = stop
    ends = carried(world, listener, other=False)
    assert listener.stop
    assert of(ends, wave) == {Result.SETTLING}
    for other in WAVES:
        if other > wave:
            assert of(ends, other) == {Result.SKIPPED}
    # what others are told comes when all the rest is done
    elsewhere = Result.SETTLING if wave == Wave.UPDATE else Result.SKIPPED
    assert of(ends, Wave.STATE, GAMMA) == {elsewhere}


# --- signatures -----------------------------------------------------------------------------------


class Broken(Keys):
    """Has every key, and signs nothing."""

    def sign(self, name: str, draft: Draft) -> Event:
        raise OurFault(f"the key {name} does not fit {draft.id}")


def newer(world: MemoryWorld) -> None:
    world.servers[ALPHA].take(ALICE.announce("widget", ["alpha"], at=900))


def silent(world: MemoryWorld) -> None:
    world.trouble = failing(lambda asked: (asked.verb, asked.server) == ("query", ALPHA))


def full(world: MemoryWorld) -> None:
    def no_space(asked: Asked) -> None:
        if asked.verb == "store":
            raise OSError(28, "No space left on device")

    world.trouble = no_space


UNSIGNED: dict[str, tuple[Signer | None, Callable[[MemoryWorld], None], Result]] = {
    "no keys were given": (None, lambda _: None, Result.HELD),
    "a key of another name": (Keys.of(BOB), lambda _: None, Result.HELD),
    "a key that does not sign": (Broken({"alice": ALICE}), lambda _: None, Result.FAILED),
    "somebody announced anew": (KEYS, newer, Result.STALE),
    "a server does not answer": (KEYS, silent, Result.UNREACHABLE),
    "what is signed cannot be written down": (KEYS, full, Result.FAILED),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_needs_a_signature_waits_for_it_and_the_rest_goes_on(name: str) -> None:
    signer, change, result = UNSIGNED[name]
    world = fleet()
    change(world)
    ends = carried(world, signer=signer)
    assert {o.result for a, o in ends.items() if not a.server} == {result}
    needs = {a.server for a in ends if a.server and a.coordinate == WIDGET} - {ALPHA, BETA}
    assert needs == {GAMMA}
    for action, outcome in ends.items():
        waits = action.server == GAMMA or action.wave == Wave.UPDATE
        waits = waits and action.coordinate == WIDGET
        assert not action.server or outcome.result is (Result.SKIPPED if waits else Result.SETTLING)


# --- what is kept back, and what a server gets by itself ------------------------------------------


@pytest.mark.parametrize("wave", WAVES)
def test_what_the_guard_keeps_back_keeps_back_what_follows(wave: Wave) -> None:
    keys = {
        action.key
        for action in proposed()[0].actions
        if (action.coordinate, action.wave, action.server) == (WIDGET, wave, BETA)
    }
    ends = carried(fleet(), withheld=frozenset(keys))
    assert of(ends, wave) == {Result.HELD}
    for other in WAVES:
        if other > wave:
            assert of(ends, other) == {after(Result.HELD, wave)}
    assert of(ends, wave, GAMMA) <= {Result.SETTLING}


def test_what_a_server_gets_by_itself_is_not_sent_and_stops_nothing() -> None:
    (key,) = (a.key for a in proposed()[0].actions if a.sends == COMMENT.id and a.server == BETA)
    world = fleet()
    ends = carried(world, left=(key,))
    assert of(ends, Wave.REPLIES) == {Result.DELEGATED}
    assert of(ends, Wave.DELETIONS) == {Result.SETTLING}
    assert COMMENT.id not in {event.id for event in world.servers[BETA].events}


# --- what a push destroys -------------------------------------------------------------------------


def gathered(cause: Cause | None, main: str = oid(1)) -> tuple[MemoryWorld, tuple[Outcome, ...]]:
    """Apply, where beta has a branch that the state does not name, and does not give it away for
    this cause. Its main is one that a push must move, or one that needs the state alone."""
    world = fleet(other=False)
    world.servers[BETA].events = [ANN, BOBS]
    world.servers[BETA].refs[WIDGET] = {MAIN: main, OLD: oid(4)}
    plan, seen = looked(world)
    world.archive.discard(oid(4))
    if cause:
        world.trouble = failing(
            lambda asked: (asked.verb, asked.server) == ("gather", BETA), cause=cause
        )
    return world, apply(plan, seen, world, KEYS, Listener(), forks=1)


def test_what_goes_is_in_the_archive_before_it_goes() -> None:
    world, _ = gathered(None)
    assert OLD not in world.servers[BETA].refs[WIDGET]
    assert oid(4) in world.archive
    order = [asked.verb for asked in world.asked if asked.server == BETA]
    assert order.index("gather") < order.index("push")


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.CUT, Cause.REFUSED, Cause.RATE])
def test_what_cannot_be_kept_now_is_not_destroyed(cause: Cause) -> None:
    world, ends = gathered(cause)
    assert world.servers[BETA].refs[WIDGET][OLD] == oid(4)
    assert world.verbs("push") == [a for a in world.verbs("push") if a.server != BETA]
    assert {o.result for o in ends if o.server == BETA} & {Result.FAILED, Result.UNREACHABLE}


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.RATE])
def test_a_state_that_makes_a_server_delete_what_cannot_be_kept_is_not_sent(cause: Cause) -> None:
    world, ends = gathered(cause, main=oid(2))
    assert STATE.id not in {event.id for event in world.servers[BETA].events}
    told = [o.result for o in ends if o.detail.startswith("what it drops could not be kept")]
    assert told == [Result.FAILED]


def test_what_a_server_can_no_longer_give_may_go() -> None:
    world, _ = gathered(Cause.NOT_FOUND)
    assert OLD not in world.servers[BETA].refs[WIDGET]


def test_a_push_whose_server_had_aligned_by_itself_changes_nothing() -> None:
    world = fleet()

    def align(asked: Asked) -> None:
        if in_wave(Wave.PUSH)(asked):
            world.servers[BETA].refs[WIDGET] = {MAIN: oid(2)}

    world.trouble = align
    assert of(carried(world), Wave.PUSH) == {Result.UNCHANGED}


def test_a_ref_that_moved_meanwhile_is_stale_and_stays_as_it_is() -> None:
    world = fleet()

    def move(asked: Asked) -> None:
        if in_wave(Wave.PUSH)(asked):
            world.servers[BETA].refs[WIDGET] = {MAIN: oid(9)}

    world.trouble = move
    assert of(carried(world), Wave.PUSH) == {Result.STALE}
    assert world.servers[BETA].refs[WIDGET][MAIN] == oid(9)
