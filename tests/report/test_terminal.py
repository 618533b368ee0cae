"""What people see: the whole text of one plan, at every width, nothing that a terminal obeys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.outcome import Outcome, Result
from reconciler.report import terminal
from reconciler.report.build import Header, build
from reconciler.report.look import Look
from reconciler.report.story import story

from .sample import EVIL, hostile, small_plan, viewed

GOLDEN = Path(__file__).with_name("plan.txt")
HEADER = Header(
    run_id="run",
    mode="apply",
    started="2024-01-01T00:00:00Z",
    finished="2024-01-01T00:00:01Z",
    tool="0",
)


def shown(width: int, *, verbose: bool = True, evil: bool = False, colour: bool = False) -> str:
    """Plan and outcome, one after the other."""
    plan, findings = hostile() if evil else small_plan()
    look = Look(width, colour, verbose)
    words = EVIL if evil else "the server said no"
    outcomes = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=words)
        for a in plan.actions
    )
    told = story(build(HEADER, plan, findings, outcomes=outcomes))
    return terminal.plan(viewed(plan, findings), look) + terminal.outcome(told, look)


def test_the_whole_text_of_a_plan() -> None:
    """Words are for people: when they change, read `plan.txt` as one of them."""
    plan, findings = small_plan()
    text = terminal.plan(viewed(plan, findings), Look(100, verbose=True))
    assert text == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    lines = shown(width).split("\n")
    assert [line for line in lines if len(line) > width] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_without_a_terminal_there_is_no_colour() -> None:
    assert "\x1b" not in shown(80)
    assert "\x1b[" in shown(80, colour=True)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_hostile_names_are_inert(width: int) -> None:
    text = shown(width, evil=True)
    assert not set("\x1b\r\u202e").intersection(text)
    assert not any(line.lstrip().startswith(("::", "##")) for line in text.split("\n"))
    assert "[bold]" in "".join(text.split())
    assert "[/bold]" in "".join(text.split())


def test_a_short_plan_leaves_details_out_and_keeps_what_matters() -> None:
    brief, full = shown(80, verbose=False), shown(80)
    assert "+ refs/tags/v1" in full
    assert "+ refs/tags/v1" not in brief
    for words in ("delete refs/heads/gone", "released when", "--accept delete-head@", "digest: "):
        assert words in brief


def test_an_empty_plan_says_so() -> None:
    plan, _ = small_plan()
    nothing: dict[str, Any] = dict.fromkeys(
        ("repositories", "servers", "actions", "holds", "cells", "forced", "unmatched"), ()
    )
    empty = replace(plan, **nothing)
    text = terminal.plan(viewed(empty), Look())
    assert "Nothing to do." in text
    assert "cells: none" in text


@pytest.mark.parametrize("width", [40, 79, 80, 200])
def test_the_recap_names_every_server_and_count(width: int) -> None:
    recap = shown(width).partition("Recap")[2]
    for word in ("alpha.example", "epsilon.example", "unreachable", "drifted", "settling", "held"):
        assert word in recap
