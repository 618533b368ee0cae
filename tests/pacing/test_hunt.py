"""Whom to ask next, and partial answers that add up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.pacing.hunt import Ask, Hunt

A, B, C = "a" * 40, "b" * 40, "c" * 40


def test_each_source_is_asked_once_a_round_in_order() -> None:
    hunt = Hunt(frozenset({A}), ("one", "two"))
    assert hunt.next() == Ask("one", frozenset({A}))
    assert hunt.next() == Ask("one", frozenset({A}))  # asking changes nothing: values
    hunt = hunt.begun("one")
    assert hunt.next() == Ask("two", frozenset({A}))
    assert hunt.begun("two").next() is None


def test_partial_answers_add_up() -> None:
    hunt = Hunt(frozenset({A, B, C}), ("one", "two", "three"))
    hunt = hunt.begun("one").found(frozenset({A}))
    assert hunt.next() == Ask("two", frozenset({B, C}))
    hunt = hunt.begun("two").found(frozenset({A, C}))
    assert hunt.next() == Ask("three", frozenset({B}))
    hunt = hunt.begun("three").found(frozenset({B}))
    assert hunt.is_complete
    assert hunt.next() is None


def test_a_complete_hunt_asks_nobody() -> None:
    assert Hunt(frozenset(), ("one",)).next() is None


def test_a_source_given_up_is_not_asked_in_any_round() -> None:
    hunt = Hunt(frozenset({A}), ("one", "two")).gave_up("one").begun("two")
    assert hunt.next() is None
    later = Hunt(frozenset({A}), ("one", "two"), given_up=hunt.given_up)
    assert later.next() == Ask("two", frozenset({A}))


def test_nobody_is_asked_once_the_time_is_up() -> None:
    hunt = Hunt(frozenset({A}), ("one",), expires=1800)
    assert hunt.next(1799.9)
    assert not hunt.is_over(1799.9)
    assert hunt.next(1800) is None
    assert hunt.is_over(1800)


@given(
    st.lists(st.frozensets(st.sampled_from("abcdef")), max_size=8),
    st.frozensets(st.sampled_from("abcdef")),
)
def test_a_round_ends_and_finds_the_union(
    holdings: list[frozenset[str]], wanted: frozenset[str]
) -> None:
    hunt = Hunt(wanted, tuple(map(str, range(len(holdings)))))
    asked = []
    while ask := hunt.next():
        asked.append(ask.source)
        assert ask.oids == hunt.missing
        hunt = hunt.begun(ask.source).found(holdings[int(ask.source)])
    assert len(asked) == len(set(asked)) <= len(holdings)
    assert hunt.missing == wanted - frozenset().union(*holdings)
