"""What is wanted of one relay, and how it is asked for."""

from __future__ import annotations

from reconciler.nostr.filters import Filter
from reconciler.sandbox.sync.needs import Needs, announcements, questions

ADDRESS, ROOT = f"30617:{'a' * 64}:widget", "b" * 64
ONE = Needs(frozenset({"widget"}), frozenset({ADDRESS}), frozenset({ROOT}))


def test_layer_1_asks_for_announcements_and_grasp_lists() -> None:
    assert announcements() == (Filter(kinds=(30617, 10317)),)


def test_layers_2_and_3_ask_by_every_tag_that_names() -> None:
    assert questions(ONE) == (
        Filter(kinds=(30618,), tags=(("d", ("widget",)),)),
        Filter(tags=(("a", (ADDRESS,)),)),
        Filter(tags=(("A", (ADDRESS,)),)),
        Filter(tags=(("q", (ADDRESS,)),)),
        Filter(tags=(("e", (ROOT,)),)),
        Filter(tags=(("E", (ROOT,)),)),
        Filter(tags=(("q", (ROOT,)),)),
    )


def test_nothing_wanted_asks_nothing() -> None:
    assert questions(Needs()) == ()
    assert not Needs()
    assert list(Needs().batches()) == []


def test_batches_hold_at_most_100_of_each_and_lose_nothing() -> None:
    many = Needs(
        frozenset(f"i{n}" for n in range(250)),
        frozenset(f"r{n}" for n in range(101)),
        frozenset(f"e{n}" for n in range(199)),
    )
    parts = list(many.batches())
    assert len(parts) == 3 + 2
    whole = Needs()
    for part in parts:
        assert max(map(len, (part.identifiers, part.repositories, part.roots))) <= 100
        assert not whole & part
        whole |= part
    assert whole == many
    assert not any(part.roots for part in parts[:3]), "layer 2 comes before layer 3"


def test_needs_are_sets_of_three_kinds() -> None:
    assert Needs() == ONE - ONE
    assert ONE | Needs() == ONE
    assert ONE & Needs(roots=frozenset({ROOT})) == Needs(roots=frozenset({ROOT}))
    assert len(ONE) == 3
