"""Exit codes: each by itself, every pair in its order, and when each of them holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from reconciler.model.outcome import Finding, Outcome, Result
from reconciler.model.plan import CellVerdict, Hold, HoldReason, Plan, ServerSummary, Verb, Verdict
from reconciler.report.exits import Exit, of_apply, of_plan, worst

from ..build import WIDGET, url
from .sample import small_plan

ORDER = [1, 130, 143, 129, 78, 77, 64, 75, 4, 5, 3, 6, 2, 0]
"""Worst first."""

EMPTY = Plan("d" * 64, 0, (), (), (), (), ())
ACTIONS = replace(EMPTY, actions=small_plan()[0].actions)
REFUSAL = Finding("mass-delete", "alice/widget", None, "", ())
ACCEPTED = replace(REFUSAL, accepted=True)
HELD = replace(EMPTY, holds=(Hold(WIDGET, None, HoldReason.TIE, "", ""),))
DOWN = replace(EMPTY, servers=(ServerSummary(url("a"), "a", True, "spec", "", "timed-out"),))


def cell(verdict: Verdict) -> Plan:
    return replace(EMPTY, cells=(CellVerdict(WIDGET, url("a"), verdict),))


def test_the_numbers() -> None:
    assert {code.value for code in Exit} == set(ORDER)


@pytest.mark.parametrize("code", Exit)
def test_each_alone(code: Exit) -> None:
    assert worst({code}) == (code,)


def test_every_pair_in_its_order() -> None:
    for a, b in permutations(Exit, 2):
        expected = sorted((a, b), key=ORDER.index)
        assert worst([a, b]) == tuple(expected)


def test_all_and_none() -> None:
    assert [int(code) for code in worst(Exit)] == ORDER
    assert worst(()) == (Exit.DONE,)


PLANS: dict[str, tuple[Plan, tuple[Finding, ...], set[Exit]]] = {
    "nothing": (EMPTY, (), set()),
    "changes": (ACTIONS, (), {Exit.CHANGES}),
    "a refusal": (EMPTY, (REFUSAL,), {Exit.GUARD}),
    "an accepted refusal": (EMPTY, (ACCEPTED,), set()),
    "one of two accepted": (EMPTY, (ACCEPTED, REFUSAL), {Exit.GUARD}),
    "a hold is no failure of planning": (HELD, (), set()),
    "a server is down": (DOWN, (), {Exit.UNKNOWN}),
    "a cell is unknown": (cell(Verdict.UNKNOWN), (), {Exit.UNKNOWN}),
    "everything": (
        replace(DOWN, actions=ACTIONS.actions),
        (REFUSAL,),
        {Exit.CHANGES, Exit.GUARD, Exit.UNKNOWN},
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_of_a_plan(name: str) -> None:
    plan, findings, expected = PLANS[name]
    assert of_plan(plan, findings) == expected


APPLIED: dict[str, tuple[Plan, tuple[Finding, ...], set[Exit]]] = {
    "in sync": (cell(Verdict.IN_SYNC), (), set()),
    "work is left": (ACTIONS, (), {Exit.PARTIAL}),
    "a hold is left": (HELD, (), {Exit.PARTIAL}),
    "unknown alone": (cell(Verdict.UNKNOWN), (), {Exit.UNKNOWN}),
    "refused": (EMPTY, (REFUSAL,), {Exit.GUARD}),
    **{
        f"a cell is {verdict}": (cell(verdict), (), {Exit.PARTIAL})
        for verdict in (Verdict.DRIFTED, Verdict.PENDING, Verdict.CONFLICT, Verdict.IMPOSSIBLE)
    },
}


@pytest.mark.parametrize("name", APPLIED)
def test_of_the_world_that_a_run_left(name: str) -> None:
    remaining, findings, expected = APPLIED[name]
    assert of_apply(remaining, findings, ()) == expected


@pytest.mark.parametrize("result", Result)
def test_of_outcomes(result: Result) -> None:
    good = result in (Result.DONE, Result.UNCHANGED)
    found = of_apply(
        EMPTY,
        (),
        [Outcome(name, Verb.PUSH, None, end) for name, end in (("k", Result.DONE), ("l", result))],
    )
    assert found == (set() if good else {Exit.PARTIAL})
