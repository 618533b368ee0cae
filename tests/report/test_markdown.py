"""Markdown for pull requests: strangers' texts stay inert, and no comment is too long to post."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Push
from reconciler.model.outcome import Finding, Outcome, Result
from reconciler.model.plan import Plan
from reconciler.report import markdown
from reconciler.report.build import build
from reconciler.report.look import Look
from reconciler.report.markdown import COMMENT_CHARS, code
from reconciler.report.story import story
from tests.kit.values import ZERO, oid

from .sample import EVIL, hostile, huge, small_plan, viewed
from .test_build import header

GOLDEN = Path(__file__).with_name("plan.md")


FULL = Look(verbose=True)


def is_table(line: str) -> bool:
    """A row of ours; the names in it stand in code spans like all others."""
    numbers = line.startswith("|") and not set(line) - set("| -:0123456789")
    return numbers or line.startswith(("| server |", "| |"))


def outside_code(markdown: str) -> str:
    """What a reader of CommonMark takes as text: code spans cut out, longest fences first."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", markdown)


def test_the_whole_text_of_a_plan() -> None:
    plan, findings = small_plan()
    text = markdown.plan(viewed(plan, findings), FULL)
    assert text == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("verbose", [False, True])
def test_hostile_names_are_inert(verbose: bool) -> None:
    plan, findings = hostile()
    outcomes = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=EVIL)
        for a in plan.actions
    )
    told = story(build(header("apply"), plan, findings, outcomes=outcomes, notes=(EVIL,)))
    look = Look(verbose=verbose)
    text = markdown.plan(viewed(plan, findings), look) + markdown.outcome(told, look)
    left = "\n".join(line for line in outside_code(text).splitlines() if not is_table(line))
    for word in ("@team", "<img", "](http", "[bold]", "|", "onerror"):
        assert word in text
        assert word not in left
    assert not set("\x1b\r\u202e").intersection(text)
    assert not any(line.lstrip("> -`").startswith("::") for line in text.splitlines())


@given(st.text(st.sampled_from("`` a\n|@<>[]()\\~-\x1b"), max_size=40))
def test_no_text_breaks_out_of_its_code_span(text: str) -> None:
    span = code(text)
    assert "\n" not in span
    assert outside_code(f"{span} @end").strip() == "@end" or not text


def test_a_span_is_short() -> None:
    assert len(code("x" * 100_000)) < 1_100


@pytest.mark.parametrize("count", [10, 500])
def test_a_comment_fits_and_keeps_what_matters(count: int) -> None:
    shown = viewed(huge(count))
    text = markdown.plan(shown, FULL)
    assert len(text) <= COMMENT_CHARS
    assert "**Takes away**" in text
    assert "delete refs/heads/repository-0 " in text
    assert f"{count} refs deleted" in text
    assert f" {count} deletions**" in text
    assert f"digest `{shown.digest}`" in text
    left = re.search(r"and (\d+) more", text)
    assert bool(left) is (count > 10)


def test_many_findings_fit_too_and_are_counted() -> None:
    findings = [
        Finding(
            guard="mass-delete", repository=f"alice/{n}", server=None, detail="x" * 400, keys=()
        )
        for n in range(200)
    ]
    text = markdown.plan(viewed(huge(1), findings), Look())
    assert len(text) <= COMMENT_CHARS
    said = text.count("REFUSED")
    assert 0 < said < 200
    assert f"and {200 - said} more guards" in text


def test_what_is_destroyed_is_left_out_last() -> None:
    text = markdown.plan(viewed(huge(450)), FULL)
    assert text.count("delete refs/heads/") == 450
    assert re.search(r"and \d+ more\n\n</details>", text)


def alike(count: int) -> Plan:
    """Many repositories that need the very same."""
    plan = huge(count)
    update = RefUpdate("refs/heads/main", ZERO, oid(1))
    actions = tuple(replace(a, updates=(update,)) for a in plan.actions if isinstance(a, Push))
    return replace(plan, actions=actions, holds=())


@pytest.mark.parametrize("verbose", [False, True])
def test_equal_repositories_are_counted_first_and_named_whole(verbose: bool) -> None:
    text = markdown.plan(viewed(alike(289)), Look(verbose=verbose))
    assert "`+` `alpha.example: 1 ref each`" in text
    named = re.findall(r"`(alice/repository-\d+)`", text)
    assert set(named) == {f"alice/repository-{number}" for number in range(289)}


def test_verbosity_is_given_up_before_names_and_names_are_counted_never_cut() -> None:
    text = markdown.plan(viewed(alike(2_600)), FULL)
    assert len(text) <= COMMENT_CHARS
    assert "`+` `alpha.example: 1 ref each`" in text
    named = re.findall(r"alice/[^`\s,]*", text)
    assert all(re.fullmatch(r"alice/repository-\d+", name) for name in named)
    assert f"and {2_600 - len(set(named))} more" in text


def test_holds_that_do_not_fit_are_counted() -> None:
    shown = viewed(huge(600))
    text = markdown.plan(shown, Look())
    assert len(text) <= COMMENT_CHARS
    held = text.partition("Held back")[2]
    left = re.search(r"and (\d+) more", held)
    assert left and held.count("`states-tie`") + int(left[1]) == 600


def test_no_name_is_cut_in_mid_word() -> None:
    text = markdown.plan(viewed(alike(400)), Look())
    glance, *_ = text.partition("<details>")
    assert "| `alice/repository-0` and 399 alike | `~400` |" in glance


def test_an_outcome_fits_and_says_how_it_ended_first() -> None:
    plan = huge(500)
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=f"reason {n}")
        for n, a in enumerate(plan.actions)
    )
    text = markdown.outcome(story(build(header("apply"), plan, (), outcomes=ends)), FULL)
    assert len(text) <= COMMENT_CHARS
    assert text.splitlines()[1] == "### Applied: 0 signatures, 0 events, 0 pushes"
    assert "500 actions: 0 done, 500 failed" in text
    assert re.search(r"and \d+ more", text)
