"""What is wrong, since when, what happens next, and what a person must do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.codec import plain
from reconciler.model.outcome import Outcome, Report, Result
from reconciler.model.plan import Verdict
from reconciler.nostr.strictjson import Json
from reconciler.report import terminal
from reconciler.report.build import build
from reconciler.report.cells import chosen, history
from reconciler.report.history import past
from reconciler.report.look import Look
from reconciler.report.names import Names
from reconciler.report.status import Status, status
from tests.kit.people import BOB, WIDGET, url

from .sample import EVIL, hostile, small_plan
from .test_build import header, settled

PLAN, FINDINGS = small_plan()


def run(day: int, *, well: bool = False, outcomes: tuple[Outcome, ...] = ()) -> Report:
    """A run on some day that left the world as the sample has it, or in sync."""
    left = settled() if well else PLAN
    report = build(header("apply"), PLAN, FINDINGS, remaining=left, outcomes=outcomes)
    when = f"2026-01-{day:02d}T00:00:00Z"
    return replace(report, run_id=f"2026010{day}T000000Z-a", started=when, finished=when)


def stands(*runs: Report) -> Status:
    found = [past({**plain(report), "cells": plain(report.cells)}) for report in runs]
    return status(runs[-1], [known for known in found if known])


def said(found: Status) -> str:
    return "\n".join(
        " | ".join((title, line.text, *line.names, *line.details))
        for title, lines in found.blocks
        for line in lines
    )


def test_each_thing_that_is_wrong_says_where_since_when_and_what_follows() -> None:
    text = said(stands(run(1, well=True), run(2), run(3)))
    assert "Waits for a person; nothing happens until then | alpha.example, beta.example" in text
    assert "since 2026-01-02T00:00:00Z (2 runs): no-state-yet" in text
    assert "bob/blank | released when a maintainer pushes, which signs a state" in text
    assert "Unknown: could not be learnt; each run asks again | epsilon.example, since" in text
    assert "Differs; the next apply brings it about" in text


def test_a_failure_is_told_with_its_reason_and_comes_first() -> None:
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail="no space")
        for a in PLAN.actions
        if a.server == url("beta")
    )
    (title, lines), *_ = stands(run(1, outcomes=ends)).blocks
    assert title == "Failed; the next apply tries it again"
    assert lines[0].text.startswith(
        "beta.example, since 2026-01-01T00:00:00Z: send state: no space"
    )


def test_a_run_that_did_not_look_at_a_cell_does_not_break_its_history() -> None:
    part = replace(run(2), cells=())
    text = said(stands(run(1), part, run(3)))
    assert "since 2026-01-01T00:00:00Z (2 runs)" in text


def test_a_fleet_in_sync_says_so() -> None:
    found = stands(run(1), run(2, well=True))
    assert found.healthy
    assert "Everything is in sync." in terminal.status(found, Look())


def test_the_last_runs_are_told_with_who_and_how() -> None:
    found = stands(replace(run(1, well=True), exit_code=0), replace(run(2), actor="timer@host"))
    assert "apply 20260102T000000Z-a by timer@host: 4 (a guard refused)" in found.runs[0]
    assert found.runs[1] == "last run that ended with 0: 2026-01-01T00:00:00Z"


def test_what_is_no_report_has_no_past() -> None:
    documents: list[Json] = [None, [], {}, {"cells": []}, {"cells": [{"verdict": "odd"}]}]
    assert [past(document) for document in documents] == [None] * 5


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("alice/widget@beta.example", 1),
        ("alice/widget", 5),
        ("widget@[bg]*", 2),
        ("*@epsilon*", 2),
        ("alice/nothing", 0),
        (f"*@{url('beta')}", 2),
    ],
)
def test_cells_are_named_by_repository_and_server_both_may_be_globs(word: str, count: int) -> None:
    assert len(chosen(word, Names.of(PLAN.repositories, PLAN.servers))) == count


def test_the_history_of_a_cell_has_a_line_for_each_run_that_changed_something() -> None:
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.DONE) for a in PLAN.actions
    )
    runs = [run(1), run(2), run(3, well=True, outcomes=ends), run(4, well=True)]
    found = history("alice/widget@beta.example", runs)
    (lines,) = found.values()
    assert [f"{line.symbol} {line.text}" for line in lines] == [
        "~ 2026-01-01T00:00:00Z apply: changed",
        "= 2026-01-03T00:00:00Z apply: in sync",
    ]
    assert "push 3 refs: done" in lines[1].details
    assert "~ refs/heads/main  1111111111 → 2222222222" in lines[1].details


def test_nothing_of_a_stranger_s_text_is_left_raw() -> None:
    plan, findings = hostile()
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=EVIL)
        for a in plan.actions
    )
    report = build(header("apply"), plan, findings, outcomes=ends)
    shown = terminal.status(status(report, ()), Look(80, verbose=True))
    shown += terminal.listed_lines(history("*", [report]), Look())
    assert not set("\x1b\r\u202e").intersection(shown)
    assert not any(line.lstrip().startswith("::") for line in shown.split("\n"))


def test_a_hold_on_all_servers_counts_on_each() -> None:
    cells = [c for c in PLAN.cells if c.coordinate == BOB.coordinate("blank")]
    assert {c.verdict for c in cells if c.server != url("epsilon")} == {Verdict.HELD}
    text = said(stands(run(1)))
    assert "no-state-yet" in text
    assert WIDGET.identifier in text
