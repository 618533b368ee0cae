"""The one door for foreign text: nothing that a terminal, a reader or a CI runner obeys gets by."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.safe import safe

ANY = st.text(st.characters(exclude_categories=()))  # lone surrogates, too
DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def judge(text: str) -> None:
    """Nothing dangerous is left, and what can be read is."""
    shown = safe(text, 10 * len(text))
    assert not DANGEROUS.intersection(map(unicodedata.category, shown)), ascii(text)
    assert {c for c in text if unicodedata.category(c)[0] in "LNPSM"} <= set(shown)


def test_every_dangerous_character_there_is_and_a_sample_of_the_others() -> None:
    known = map(chr, (*range(0x20000), *range(0xE0000, 0xE1000)))  # all others are of no such kind
    judge("".join(c for c in known if unicodedata.category(c) in DANGEROUS))
    judge("".join(map(chr, range(0, sys.maxunicode + 1, 61))))


@pytest.mark.long
def test_every_character_there_is_in_the_company_of_its_neighbours() -> None:
    for start in range(0, sys.maxunicode + 1, 256):
        judge("".join(map(chr, range(start, start + 256))))


@given(ANY, st.integers(1, 300))
def test_any_text_comes_out_on_one_short_harmless_line(text: str, limit: int) -> None:
    shown = safe(text, limit)
    assert len(shown) <= limit
    assert shown.splitlines() in ([], [shown])
    assert not DANGEROUS.intersection(map(unicodedata.category, shown))
    assert "::" not in shown
    assert "##" not in shown


@given(
    st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=":#"), max_size=200)
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert safe(text) == text == safe(safe(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain", "plain"),
        ("\x1b[31mred", "\\u{1b}[31mred"),
        ("a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
        ("\u202egnp.exe", "\\u{202e}gnp.exe"),
        ("a\u200bb\ufeff", "a\\u{200b}b\\u{feff}"),
        ("\x9b31m", "\\u{9b}31m"),
        ("a\u00a0b\u3000c", "a b c"),
        ("::error::x", ":\\u{3a}error:\\u{3a}x"),
        ("##[command]", "#\\u{23}[command]"),
        ("[bold]`|@team", "[bold]`|@team"),
        ("ünï 🚀", "ünï 🚀"),
    ],
)
def test_foreign_text_is_shown_harmless(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_length_at_the_limit_and_beyond() -> None:
    assert safe("x" * 10, 10) == "x" * 10
    assert safe("x" * 11, 10) == "x" * 9 + "…"
    assert safe("\x1b" * 10, 10) == "\\u{1b}\\u{…"
