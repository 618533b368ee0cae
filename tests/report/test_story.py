"""An apply as a person reads it: in the plan's words, folded by server and reason, keys nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.actions import Wave
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Plan, Verdict
from reconciler.report import terminal
from reconciler.report.build import build
from reconciler.report.codes import Exit
from reconciler.report.lines import Line
from reconciler.report.look import Look
from reconciler.report.marks import Block
from reconciler.report.story import Story, story
from tests.kit.people import url

from .sample import EVIL, hostile, huge, small_plan
from .test_build import header

PLAN, FINDINGS = small_plan()


def told(result: Result, detail: str = "", plan: Plan = PLAN) -> Story:
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=result, detail=detail)
        for a in plan.actions
    )
    return story(build(header("apply"), plan, FINDINGS, outcomes=ends))


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [f"{line.symbol} {line.text}" for line in lines]


def test_one_failure_is_worded_as_the_plan_words_it() -> None:
    push = next(a for a in PLAN.actions if a.wave == Wave.PULLS and a.server == url("gamma"))
    end = Outcome(
        key=push.key,
        verb=push.verb,
        server=push.server,
        result=Result.FAILED,
        detail="not-found: HTTP 404",
    )
    found = story(build(header("apply"), PLAN, (), outcomes=(end,)))
    assert texts(found.under(Block.FAILED)) == [
        "x alice/widget: push 1 pull ref on gamma.example: not-found: HTTP 404"
    ]


def test_equal_failures_share_a_line_with_their_count_and_their_repositories() -> None:
    found = told(Result.FAILED, "http-error: 404", huge(12))
    assert texts(found.under(Block.FAILED)) == ["x 12 pushes on alpha.example: http-error: 404"]
    assert len(found.under(Block.FAILED)[0].names) == 12
    assert found.under(Block.FAILED)[0].details[0] == "alice/repository-0: push 1 ref"


@pytest.mark.parametrize("result", [Result.STALE, Result.UNREACHABLE])
def test_an_end_that_is_no_plain_failure_is_named(result: Result) -> None:
    (line,) = told(result, "why", huge(2)).under(Block.FAILED)
    assert line.text == f"2 pushes on alpha.example ({result}): why"


def test_what_was_not_attempted_is_counted_only() -> None:
    found = told(Result.SKIPPED, "after: the guard keeps it back")
    assert found.under(Block.FAILED) == ()
    assert texts(found.under(Block.COUNTED)) == [
        "! 1 signature, 10 events, 6 pushes: what they need did not happen"
    ]


def test_what_was_written_is_told_by_repository() -> None:
    found = told(Result.DONE, plan=huge(3))
    assert texts(found.changed) == ["+ push 1 ref on alpha.example"]
    assert len(found.changed[0].names) == 3
    assert found.headline == "Applied: 0 signatures, 0 events, 3 pushes"
    assert found.counts == "3 actions: 3 done"


def test_a_hundred_refused_signatures_take_a_line_and_not_a_page() -> None:
    text = terminal.outcome(told(Result.FAILED, "no key", huge(200)), Look(100))
    failed = text.partition("Failed")[2].partition("Held back")[0]
    assert len(failed.splitlines()) < 8
    assert "200 pushes on alpha.example: no key" in failed


@pytest.mark.parametrize("verbose", [False, True])
def test_keys_are_for_machines(verbose: bool) -> None:
    text = terminal.outcome(told(Result.FAILED, "no"), Look(200, verbose=verbose))
    assert not any(action.key in text for action in PLAN.actions)
    assert "30617:" not in text


def test_a_stale_plan_says_that_nothing_was_written() -> None:
    report = build(header("apply"), PLAN, (), extra=[Exit.STALE_PLAN], notes=("new: x",))
    found = story(report)
    assert found.headline == "Nothing was written: the saved plan no longer matches the world"
    assert found.notes == ("new: x",)


def test_every_code_that_holds_is_said_in_words() -> None:
    assert "6 (part of the world is unknown)" in told(Result.DONE).ends


def test_a_settling_cell_has_its_column() -> None:
    found = told(Result.SETTLING)
    assert {line.symbol for line in found.under(Block.SETTLING)} == {":"}
    assert "settling" in terminal.outcome(found, Look(100)).partition("Recap")[2]


def test_nothing_of_a_stranger_s_text_is_left_raw() -> None:
    plan, findings = hostile()
    ends = [
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=EVIL)
        for a in plan.actions
    ]
    report = build(header("apply"), plan, findings, outcomes=tuple(ends), notes=(EVIL,))
    found = story(replace(report, outcomes=report.outcomes * 2))
    lines = [*found.under(Block.FAILED), *found.holds, *found.unknown]
    said = [t for line in lines for t in (line.text, *line.details, *line.names)]
    for text in [*said, *found.notes, *(refusal.text for refusal in found.refusals)]:
        assert not set("\x1b\r\n\u202e").intersection(text)
        assert "::" not in text


def test_a_server_that_answers_half_is_explained_in_the_recap() -> None:
    cells = tuple(
        replace(cell, verdict=Verdict.UNKNOWN, detail="http-error: 502")
        if cell.server == url("beta")
        else cell
        for cell in PLAN.cells
    )
    report = build(header("plan"), replace(PLAN, cells=cells), ())
    (row,) = (row for row in report.recap if row.server == "beta.example")
    assert (row.unreachable, row.detail) == (2, "http-error: 502: bob/blank, alice/widget")
