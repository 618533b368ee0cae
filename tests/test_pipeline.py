"""The five stages together: what a run writes, says and leaves, whatever stops or fails it where.

The world is a fleet in memory (`kit.memory`). Alpha has all, beta is listed and
empty, gamma is new.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest

from reconciler.errors import UserFault
from reconciler.limits import SETTLE_SECONDS
from reconciler.model.desired import Desired
from reconciler.model.observed import Cause, Unknown
from reconciler.model.options import Options
from reconciler.model.outcome import Finding, Result
from reconciler.model.plan import Plan
from reconciler.nostr import kinds, nip19
from reconciler.nostr.nip34 import announcement
from reconciler.pipeline import Run, run
from reconciler.world import Failure
from tests.kit.memory import Asked, Held, Keys, Listener, MemoryWorld
from tests.kit.people import ALICE, BOB, WIDGET, url
from tests.kit.values import oid

MAIN, TAG = "refs/heads/main", "refs/tags/v1"
ALPHA, BETA, GAMMA = (url(name) for name in ("alpha", "beta", "gamma"))
ANN = ALICE.announce("widget", ["alpha", "beta"])
STATE = ALICE.state("widget", {MAIN: oid(2), TAG: oid(1)}, at=10)
ISSUE = BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), at=20)
TEXT = f"""
version: 1
servers: [{ALPHA}, {BETA}, {GAMMA}]
npubs:
  - npub: {nip19.npub(ALICE.pubkey)}
    name: alice
    signer: alice
"""
WRITE = Options(write=True, forks=1)
WRITES = ("publish", "push")
SURE = ("archived", "ancestry", "root", "remember", "note", "store", "settle")
"""What never raises `Failure`."""


def fleet() -> MemoryWorld:
    return MemoryWorld(
        servers={
            ALPHA: Held(events=[ANN, STATE, ISSUE], refs={WIDGET: {MAIN: oid(2), TAG: oid(1)}}),
            BETA: Held(),
            GAMMA: Held(),
        }
    )


def go(
    world: MemoryWorld,
    options: Options = WRITE,
    listener: Listener | None = None,
    *,
    text: str = TEXT,
    on_plan: Callable[[Plan, tuple[Finding, ...]], None] = lambda _plan, _findings: None,
) -> Run:
    def connect(_: Desired) -> nullcontext[MemoryWorld]:
        return nullcontext(world)

    signer, listener = Keys.of(ALICE), listener or Listener()
    return run(text.encode(), "desired.yaml", options, connect, signer, listener, on_plan)


def results(found: Run) -> dict[Result, int]:
    ends = [outcome.result for outcome in found.outcomes]
    return {result: ends.count(result) for result in ends}


# --- a run that nothing disturbs -----------------------------------------------------------------


def test_a_plan_alone_writes_nothing() -> None:
    world = fleet()
    found = go(world, Options(forks=1))
    assert found.plan.actions
    assert (found.outcomes, found.remaining) == ((), None)
    assert world.verbs(*WRITES, "remember", "note", "settle") == []


def test_a_run_writes_what_the_plan_says_and_the_next_finds_nothing() -> None:
    world = fleet()
    found = go(world)
    assert results(found) == {Result.DONE: len(found.plan.actions)}
    assert found.remaining and found.remaining.actions == ()
    for server in (ALPHA, BETA, GAMMA):
        held = world.servers[server]
        assert held.refs[WIDGET] == {MAIN: oid(2), TAG: oid(1)}
        (announced,) = (e for e in held.events if e.kind == kinds.ANNOUNCEMENT)
        assert announcement(announced).servers() == {ALPHA, BETA, GAMMA}
        assert {STATE.id, ISSUE.id} <= {e.id for e in held.events}
    assert go(world).plan.actions == ()


def test_the_plan_is_shown_once_and_before_anything_is_written() -> None:
    world, shown = fleet(), []

    def on_plan(plan: Plan, _: tuple[Finding, ...]) -> None:
        shown.append((plan, world.verbs(*WRITES)))

    found = go(world, on_plan=on_plan)
    assert shown == [(found.plan, [])]
    assert world.verbs(*WRITES)


def test_what_a_run_saw_and_sent_is_written_down_after_the_last_look() -> None:
    world = fleet()
    go(world)
    assert [asked.verb for asked in world.asked[-3:]] == ["remember", "note", "store"]
    (mark,) = world.marks
    assert (mark.coordinate, mark.state) == (WIDGET, STATE.id)


# --- reasons to write nothing --------------------------------------------------------------------


SAVED = go(fleet(), Options(forks=1)).plan

UNWRITTEN: dict[str, tuple[Options, int]] = {
    "a plan of another desired state": (
        replace(WRITE, saved=replace(SAVED, desired_digest="0" * 64)),
        1,
    ),
    "a plan with less in it": (
        replace(WRITE, saved=replace(SAVED, actions=SAVED.actions[2:])),
        2,
    ),
    "a limit that fits nothing": (replace(WRITE, limit=("alice/wigdet",)), 0),
}
"""Options, and the number of differences that are named."""


@pytest.mark.parametrize("name", UNWRITTEN)
def test_nothing_is_written_where_the_wish_is_in_doubt(name: str) -> None:
    options, stale = UNWRITTEN[name]
    world = fleet()
    found = go(world, options)
    assert len(found.stale) == stale
    assert found.outcomes == ()
    assert world.verbs(*WRITES, "remember", "note") == []


def test_a_saved_plan_that_still_holds_is_written() -> None:
    world = fleet()
    found = go(world, replace(WRITE, saved=SAVED))
    assert found.stale == ()
    assert set(results(found)) == {Result.DONE}


def test_a_desired_state_that_is_wrong_opens_no_world() -> None:
    world = fleet()
    with pytest.raises(UserFault):
        go(world, text=TEXT.replace("version: 1", "version: one"))
    assert world.asked == []


@pytest.mark.parametrize("planned", [False, True])
def test_a_stop_before_the_plan_is_carried_out_begins_nothing(planned: bool) -> None:
    world, listener = fleet(), Listener(stop=not planned)

    def on_plan(_plan: Plan, _findings: tuple[Finding, ...]) -> None:
        listener.stop = True

    found = go(world, listener=listener, on_plan=on_plan)
    assert found.outcomes == ()
    assert world.verbs(*WRITES, "remember", "note", "settle") == []


def test_what_the_guard_refuses_is_held_and_an_acceptance_of_this_plan_lifts_it() -> None:
    world = fleet()
    branches = {f"refs/heads/b{n:02}": oid(1) for n in range(9)}
    world.servers[BETA].events = [ANN, STATE]
    world.servers[BETA].refs[WIDGET] = {MAIN: oid(2), **branches}
    found = go(world)
    (finding,) = found.findings
    assert finding.keys and finding.server
    assert {o.key for o in found.outcomes if o.result is Result.HELD} == set(finding.keys)
    assert branches.items() <= world.servers[BETA].refs[WIDGET].items()


# --- looking again -------------------------------------------------------------------------------


def test_what_cannot_be_read_back_is_not_called_done() -> None:
    world, listener = fleet(), Listener()

    def silent(asked: Asked) -> None:
        if "settle 3" in listener.stages and asked.server == BETA:
            raise Failure(Unknown(Cause.CUT, ""))

    world.trouble = silent
    found = go(world, listener=listener)
    ends = {o.result for o in found.outcomes if o.server == BETA}
    assert Result.DONE not in ends
    assert ends == {Result.SETTLING}
    assert {o.result for o in found.outcomes if o.server == ALPHA} == {Result.DONE}


def test_who_works_after_the_answer_gets_a_moment_and_one_more_look() -> None:
    world = fleet()
    world.servers[BETA].slow = True
    found = go(world)
    assert set(results(found)) == {Result.DONE}
    assert 1 <= len(world.verbs("settle")) <= 2


def test_who_says_yes_and_shows_nothing_is_settling_and_not_waited_for_without_end() -> None:
    world = fleet()
    world.servers[BETA].slow = True
    world.servers[BETA].lost = True
    found = go(world, text=TEXT.replace(f", {GAMMA}", ""))
    ends = {o.result for o in found.outcomes if o.server == BETA and o.verb == "publish"}
    assert ends == {Result.SETTLING}
    assert 1 < sum(float(str(asked.what)) for asked in world.verbs("settle")) <= SETTLE_SECONDS
    assert found.remaining and found.remaining.actions


def test_a_run_that_wrote_nothing_looks_once() -> None:
    world = fleet()
    go(world)
    listener = Listener()
    go(world, listener=listener)
    assert [stage.split()[0] for stage in listener.stages].count("observe") == 1


# --- this machine --------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["remember", "note"])
def test_a_memory_that_cannot_be_written_costs_a_note_and_no_outcome(verb: str) -> None:
    world = fleet()

    def full(asked: Asked) -> None:
        if asked.verb == verb:
            raise OSError(28, "No space left on device")

    world.trouble = full
    found = go(world)
    assert found.notes == ("the memory of this run could not be written: No space left on device",)
    assert set(results(found)) == {Result.DONE}


# --- a stop and a failure at every single question ------------------------------------------------


def questions() -> list[str]:
    """The methods that a run calls, in order."""
    world = fleet()
    go(world)
    return [asked.verb for asked in world.asked]


QUESTIONS = questions()
EACH = [pytest.param(n, marks=pytest.mark.long if n % 10 else ()) for n in range(len(QUESTIONS))]
"""The number of a question: every tenth one in the quick run, all of them in `make long`."""
MAY_FAIL = [one for one, verb in zip(EACH, QUESTIONS, strict=True) if verb not in SURE]


def stopping(world: MemoryWorld, number: int) -> Listener:
    listener = Listener()

    def stop(_: Asked) -> None:
        listener.stop = len(world.asked) > number

    world.trouble = stop
    return listener


@pytest.mark.parametrize("number", EACH)
def test_after_a_stop_nothing_new_is_written_and_the_next_run_ends_the_work(number: int) -> None:
    world = fleet()
    found = go(world, listener=stopping(world, number))
    begun = world.asked[number].verb
    after = [asked.verb for asked in world.asked[number + 1 :] if asked.verb in WRITES]
    assert len(after) <= (
        begun in ("relay", "gather", "query", "afford")
    )  # what it had begun, and no more
    honest(world, found)
    healed(world)


@pytest.mark.parametrize("number", MAY_FAIL)
def test_a_failure_anywhere_is_told_and_the_next_run_ends_the_work(number: int) -> None:
    world = fleet()

    def fail(asked: Asked) -> None:
        if len(world.asked) == number + 1 and asked.verb not in SURE:
            raise Failure(Unknown(Cause.CUT, ""))

    world.trouble = fail
    honest(world, go(world))
    healed(world)


def honest(world: MemoryWorld, found: Run) -> None:
    """Every action has its end, and what is called done can be seen."""
    assert len(found.outcomes) in (0, len(found.plan.actions))
    ends = {outcome.key: outcome.result for outcome in found.outcomes}
    for action in found.plan.actions:
        if ends.get(action.key) is Result.DONE and action.server:
            held = world.servers[action.server]
            assert action.sends is None or shows(held, action.sends)
            for update in action.changes:
                assert held.refs[WIDGET].get(update.name) == update.new


def shows(held: Held, event_id: str) -> bool:
    """Does it serve this event, or one that replaced it?"""
    served = {event.id for event in held.events}
    replaced = {event.id for event in held.taken} - served
    return event_id in served | replaced


def healed(world: MemoryWorld) -> None:
    """Without trouble the next runs end what was begun, and nothing is left to do."""
    world.trouble = lambda _: None
    world.time += 30 * 60  # what was sent and is not seen is offered again by then
    assert set(results(go(world))) <= {Result.DONE, Result.UNCHANGED}
    assert go(world, Options(forks=1)).plan.actions == ()
