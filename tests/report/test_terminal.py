"""What people see: the whole text of one plan, at every width, nothing that a terminal obeys."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Verb
from reconciler.report.build import Header, build
from reconciler.report.terminal import show_outcomes, show_plan, show_recap

from .sample import EVIL, hostile, small_plan, viewed

GOLDEN = Path(__file__).with_name("plan.txt")


def console(width: int, *, colour: bool = False) -> Console:
    system: Literal["standard"] | None = "standard" if colour else None
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system=system,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )


def text_of(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def shown(width: int, *, verbose: bool = True, evil: bool = False, colour: bool = False) -> str:
    """Plan, outcomes and recap, one after another."""
    plan, findings = hostile() if evil else small_plan()
    where = console(width, colour=colour)
    show_plan(where, viewed(plan), findings, verbose=verbose)
    words = EVIL if evil else "the server said no"
    outcomes = tuple(Outcome(a.key, a.verb, None, Result.FAILED, words) for a in plan.actions)
    show_outcomes(where, outcomes, verbose=verbose)
    header = Header("run", "plan", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "0")
    show_recap(where, build(header, plan, findings))
    return text_of(where)


def test_the_whole_text_of_a_plan() -> None:
    """Words are for people: when they change, read `plan.txt` as one of them."""
    plan, findings = small_plan()
    where = console(100)
    show_plan(where, viewed(plan), findings, verbose=True)
    assert text_of(where) == GOLDEN.read_text("utf-8")


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
    where = console(80)
    empty = type(plan)(plan.desired_digest, 0, (), (), (), (), ())
    show_plan(where, viewed(empty), (), verbose=False)
    assert "Nothing to do where the world is known." in text_of(where)
    assert "cells: none" in text_of(where)


@pytest.mark.parametrize("width", [40, 71, 72, 200])
def test_the_recap_names_every_server_and_count(width: int) -> None:
    recap = shown(width).partition("Recap")[2]
    for word in ("alpha.example", "epsilon.example", "unreachable", "drifted", "held"):
        assert word in recap


def test_outcomes_that_are_loud() -> None:
    where = console(80)
    outcomes = [Outcome(f"key-{result}", Verb.PUSH, None, result, "words") for result in Result]
    show_outcomes(where, outcomes, verbose=False)
    named = {line.split()[0] for line in text_of(where).splitlines() if "key-" in line}
    assert named == {"failed", "stale", "unreachable", "pending", "not-attempted"}
