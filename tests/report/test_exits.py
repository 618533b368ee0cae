"""Exit codes: each by itself, every pair in its order, and when each of them holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from reconciler.model.actions import Verb
from reconciler.model.outcome import Finding, Outcome, Result
from reconciler.model.plan import (
    CellVerdict,
    Entry,
    Hold,
    HoldReason,
    Plan,
    ServerSummary,
    Unmatched,
    Verdict,
)
from reconciler.report.codes import MEANING, Exit, leaving, worst
from reconciler.report.exits import of_apply, of_plan
from tests.kit.people import WIDGET, url

from .sample import small_plan

ORDER = [1, 130, 143, 129, 78, 77, 64, 75, 4, 5, 8, 3, 6, 7, 2, 0]
"""Worst first."""

EMPTY = Plan(
    desired_digest="d" * 64,
    created_at=0,
    repositories=(),
    servers=(),
    actions=(),
    holds=(),
    cells=(),
)
ACTIONS = replace(EMPTY, actions=small_plan()[0].actions)
REFUSAL = Finding(guard="mass-delete", repository="alice/widget", server=None, detail="", keys=())
ACCEPTED = replace(REFUSAL, accepted=True)
HELD = replace(
    EMPTY,
    holds=(Hold(coordinate=WIDGET, server=None, reason=HoldReason.TIE, detail="", release=""),),
)
ACCEPTED_HOLD = replace(
    EMPTY,
    holds=(
        Hold(
            coordinate=WIDGET,
            server=None,
            reason=HoldReason.REFS_CLASH,
            detail="",
            release="",
            accepted=True,
        ),
    ),
)
RULE = Unmatched(Entry.RULE, "alice/widgit")
LIMIT = Unmatched(Entry.LIMIT, "alice/widgit")
OLD_HOLD = Unmatched(Entry.HOLD, "states-tie at x")
DOWN = replace(
    EMPTY,
    servers=(
        ServerSummary(
            url=url("a"), name="a", grasp=True, dialect="spec", software="", unknown="timed-out"
        ),
    ),
)


def cell(verdict: Verdict) -> Plan:
    return replace(EMPTY, cells=(CellVerdict(WIDGET, url("a"), verdict),))


def test_every_exit_code_has_its_meaning_and_place() -> None:
    assert {code.value for code in Exit} == set(ORDER)
    assert MEANING.keys() == set(Exit)


@pytest.mark.parametrize("code", Exit)
def test_a_code_alone_is_the_worst(code: Exit) -> None:
    assert worst({code}) == (code,)


def test_every_pair_in_its_order() -> None:
    for a, b in permutations(Exit, 2):
        expected = sorted((a, b), key=ORDER.index)
        assert worst([a, b]) == tuple(expected)


def test_the_worst_code_comes_first_and_none_is_done() -> None:
    assert [int(code) for code in worst(Exit)] == ORDER
    assert worst(()) == (Exit.DONE,)


PLANS: dict[str, tuple[Plan, tuple[Finding, ...], set[Exit]]] = {
    "nothing": (EMPTY, (), set()),
    "changes": (ACTIONS, (), {Exit.CHANGES}),
    "a refusal": (EMPTY, (REFUSAL,), {Exit.GUARD}),
    "an accepted refusal": (EMPTY, (ACCEPTED,), set()),
    "one of two accepted": (EMPTY, (ACCEPTED, REFUSAL), {Exit.GUARD}),
    "a hold is no failure of planning": (HELD, (), set()),
    "something settles": (cell(Verdict.SETTLING), (), {Exit.CHANGES}),
    "a rule fits nothing": (replace(EMPTY, unmatched=(RULE,)), (), {Exit.HELD}),
    "a limit fits nothing": (replace(EMPTY, unmatched=(LIMIT,)), (), {Exit.USAGE}),
    "an accepted hold is gone": (replace(EMPTY, unmatched=(OLD_HOLD,)), (), set()),
    "what fits nothing may be on a server that is down": (
        replace(DOWN, unmatched=(RULE, LIMIT)),
        (),
        {Exit.UNKNOWN},
    ),
    "a server is down": (DOWN, (), {Exit.UNKNOWN}),
    "a cell is unknown": (cell(Verdict.UNKNOWN), (), {Exit.UNKNOWN}),
    "everything": (
        replace(DOWN, actions=ACTIONS.actions),
        (REFUSAL,),
        {Exit.CHANGES, Exit.GUARD, Exit.UNKNOWN},
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_ends_with_the_codes_of_what_it_holds(name: str) -> None:
    plan, findings, expected = PLANS[name]
    assert of_plan(plan, findings) == expected


APPLIED: dict[str, tuple[Plan, tuple[Finding, ...], set[Exit]]] = {
    "in sync": (cell(Verdict.IN_SYNC), (), set()),
    "work is left": (ACTIONS, (), {Exit.FAILED}),
    "a hold is left": (HELD, (), {Exit.HELD}),
    "an accepted hold is left": (ACCEPTED_HOLD, (), set()),
    "one of two holds is accepted": (
        replace(EMPTY, holds=(*HELD.holds, *ACCEPTED_HOLD.holds)),
        (),
        {Exit.HELD},
    ),
    "a hold that any stranger can cause": (
        replace(EMPTY, holds=(replace(HELD.holds[0], reason=HoldReason.PULL_DATA_NOWHERE),)),
        (),
        set(),
    ),
    "unknown alone": (cell(Verdict.UNKNOWN), (), {Exit.UNKNOWN}),
    "refused": (EMPTY, (REFUSAL,), {Exit.GUARD}),
    "something settles": (cell(Verdict.SETTLING), (), {Exit.CHANGES}),
    **{
        f"a cell is {verdict}": (cell(verdict), (), {Exit.HELD})
        for verdict in (Verdict.HELD, Verdict.CONFLICT, Verdict.IMPOSSIBLE)
    },
    **{
        f"a cell is {verdict} by an accepted hold": (
            replace(ACCEPTED_HOLD, cells=cell(verdict).cells),
            (),
            set(),
        )
        for verdict in (Verdict.HELD, Verdict.CONFLICT, Verdict.IMPOSSIBLE)
    },
}


@pytest.mark.parametrize("name", APPLIED)
def test_of_the_world_that_a_run_left(name: str) -> None:
    remaining, findings, expected = APPLIED[name]
    assert of_apply(remaining, findings, ()) == expected


BY_RESULT = {
    Result.FAILED: {Exit.FAILED},
    Result.STALE: {Exit.FAILED},
    Result.UNREACHABLE: {Exit.FAILED},
    Result.HELD: {Exit.HELD},
}


@pytest.mark.parametrize("result", Result)
def test_outcomes_end_with_the_codes_of_their_results(result: Result) -> None:
    found = of_apply(
        EMPTY,
        (),
        [
            Outcome(key=name, verb=Verb.PUSH, server=None, result=end)
            for name, end in (("k", Result.DONE), ("l", result))
        ],
    )
    assert found == BY_RESULT.get(result, set())


def test_what_a_guard_kept_back_and_what_hangs_from_it_did_not_fail() -> None:
    keys = tuple(action.key for action in ACTIONS.actions)
    ends = [Outcome(key=keys[0], verb=Verb.PUSH, server=None, result=Result.HELD)]
    ends += [
        Outcome(key=key, verb=Verb.PUSH, server=None, result=Result.SKIPPED) for key in keys[1:]
    ]
    refusal = replace(REFUSAL, keys=keys[:1])
    assert of_apply(ACTIONS, (refusal,), ends) == {Exit.GUARD}


def test_what_waits_for_a_key_is_held() -> None:
    keys = tuple(action.key for action in ACTIONS.actions)
    ends = [Outcome(key=keys[0], verb=Verb.SIGN, server=None, result=Result.HELD)]
    ends += [
        Outcome(key=key, verb=Verb.PUSH, server=None, result=Result.SKIPPED) for key in keys[1:]
    ]
    assert of_apply(ACTIONS, (), ends) == {Exit.HELD}


@pytest.mark.parametrize("result", [Result.SETTLING, Result.DELEGATED, Result.DEFERRED])
def test_what_goes_on_by_itself_is_pending_and_no_failure(result: Result) -> None:
    ends = [
        Outcome(key=a.key, verb=a.verb, server=a.server, result=result) for a in ACTIONS.actions
    ]
    assert of_apply(ACTIONS, (), ends) == {Exit.CHANGES}
    failed = replace(ends[0], result=Result.FAILED)
    assert of_apply(ACTIONS, (), [failed, *ends[1:]]) == {Exit.CHANGES, Exit.FAILED}


def test_what_comes_up_during_a_run_is_pending_and_no_failure() -> None:
    first, *_ = ACTIONS.actions
    done = Outcome(key=first.key, verb=first.verb, server=first.server, result=Result.DONE)
    later = replace(ACTIONS, actions=ACTIONS.actions[1:])
    assert of_apply(later, (), [done]) == {Exit.CHANGES}


# --- which one the process leaves with ---------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "without", "detailed", "expected"),
    [
        ((6, 2), (6,), True, 2),  # a server is down and changes are pending: still 2
        ((6, 2), (6,), False, 0),
        ((3, 6, 7), (7,), False, 3),
        ((3, 6, 7), (3, 7), False, 6),
        ((3, 6, 7), (3, 6, 7), False, 0),
        ((4, 3), (3,), False, 4),
        ((7,), (), False, 7),
        ((2,), (), True, 2),
        ((2,), (), False, 0),
        ((0,), (), True, 0),
        ((75,), (75,), False, 0),
    ],
)
def test_a_code_that_is_taken_out_hides_no_other(
    codes: tuple[int, ...], without: tuple[int, ...], detailed: bool, expected: int
) -> None:
    assert leaving(codes, without=without, detailed=detailed) == expected
