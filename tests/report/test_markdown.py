"""Markdown for pull requests: strangers' texts stay inert, and no comment is too long to post."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.outcome import Finding
from reconciler.report.markdown import COMMENT_CHARS, code, render

from .sample import hostile, huge, small_plan, viewed

GOLDEN = Path(__file__).with_name("plan.md")


def outside_code(markdown: str) -> str:
    """What a reader of CommonMark takes as text: code spans cut out, longest fences first."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", markdown)


def test_the_whole_text_of_a_plan() -> None:
    plan, findings = small_plan()
    assert render(viewed(plan), findings, verbose=True) == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("verbose", [False, True])
def test_hostile_names_are_inert(verbose: bool) -> None:
    plan, findings = hostile()
    text = render(viewed(plan), findings, verbose=verbose)
    left = outside_code(text)
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


@pytest.mark.parametrize("count", [10, 2_000])
def test_a_comment_fits_and_keeps_what_matters(count: int) -> None:
    shown = viewed(huge(count))
    text = render(shown, (), verbose=True)
    assert len(text) <= COMMENT_CHARS
    assert "**Destructive**" in text
    assert "delete refs/heads/repository-0 " in text
    assert f"{count} refs deleted" in text
    assert f"digest: `{shown.digest}`" in text
    left = re.search(r"and (\d+) more", text)
    assert bool(left) is (count > 10)


def test_many_findings_fit_too_and_are_counted() -> None:
    findings = [Finding("mass-delete", f"alice/{n}", None, "x" * 400, ()) for n in range(500)]
    text = render(viewed(huge(1)), findings)
    assert len(text) <= COMMENT_CHARS
    said = text.count("REFUSED")
    assert 0 < said < 500
    assert f"and {500 - said} more guards" in text


def test_what_was_left_out_first_is_the_repositories() -> None:
    text = render(viewed(huge(300)), (), verbose=True)
    assert text.count("delete refs/heads/") == 300
    assert "more repositories" in text
