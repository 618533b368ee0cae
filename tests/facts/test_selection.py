"""Which repositories a run is about; shards share them out, completely and without haste."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import ranked, select
from reconciler.model.desired import Desired, Npub
from reconciler.nostr.nip34 import Coordinate
from tests.kit.people import ALICE, BOB, MALLORY
from tests.kit.values import desired

NAMES = [f"{word}-{number}" for number in range(10) for word in ("lib", "app", "tool")]
EVENTS = [person.announce(name) for person in (ALICE, BOB) for name in NAMES]
KNOWN = Knowledge.of([*EVENTS, MALLORY.announce("lib-0")], now=2_000_000_000)
OWNERS = (Npub(pubkey=ALICE.pubkey, name="alice"), Npub(pubkey=BOB.pubkey, name="bob"))
ALL = {Coordinate(event.pubkey, name) for event, name in zip(EVENTS, NAMES * 2, strict=True)}


def chosen(
    *limit: str, shard: tuple[int, int] = (1, 1), owners: tuple[Npub, ...] = OWNERS
) -> list[Coordinate]:
    wish = desired(owners=owners)
    return list(select(wish, limit, shard).of(wish, KNOWN))


def test_all_repositories_of_the_owners_and_of_nobody_else() -> None:
    found = chosen()
    assert set(found) == ALL
    assert found == sorted(found)


def test_includes_add_repositories_and_excludes_take_them_away() -> None:
    alice = Npub(pubkey=ALICE.pubkey, name="alice", include=("lib-*", "app-1"), exclude=("*-2",))
    expected = {"app-1", *(f"lib-{n}" for n in range(10) if n != 2)}
    assert {c.identifier for c in chosen(owners=(alice,))} == expected


LIMITS: dict[str, tuple[tuple[str, ...], int]] = {
    "an identifier of both owners": (("lib-1",), 2),
    "a name": (("alice/lib-1",), 1),
    "a glob over names": (("bob/*",), 30),
    "a glob over identifiers": (("app-*",), 20),
    "several": (("alice/lib-1", "bob/app-1"), 2),
    "overlapping": (("lib-1", "alice/*"), 31),
    "nothing": (("nope",), 0),
    "case matters": (("LIB-1",), 0),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_chooses_what_it_names(name: str) -> None:
    limit, count = LIMITS[name]
    assert len(chosen(*limit)) == count


def test_a_repository_that_is_not_wanted_is_known_all_the_same() -> None:
    wish = desired(owners=[Npub(pubkey=ALICE.pubkey, name="alice", include=("lib-*",))])
    selection = select(wish)
    assert len(selection.of(wish, KNOWN)) == 10
    assert len(selection.known(KNOWN)) == 30


def test_an_owner_is_called_by_name_or_else_by_key() -> None:
    selection = select(desired(owners=OWNERS))
    assert selection.name(BOB.coordinate("x")) == "bob/x"
    assert selection.name(MALLORY.coordinate("x")) == f"{MALLORY.pubkey[:12]}/x"


# --- shards ------------------------------------------------------------------------------------


def shards(count: int) -> list[set[Coordinate]]:
    return [set(chosen(shard=(number, count))) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_shards_are_disjoint_and_complete(count: int) -> None:
    found = shards(count)
    assert set().union(*found) == ALL
    assert sum(map(len, found)) == len(ALL)


def test_shards_share_the_work() -> None:
    assert all(5 <= len(shard) <= 25 for shard in shards(4))


def test_a_repository_moves_only_to_a_new_shard() -> None:
    for before, after in pairwise(shards(count) for count in range(1, 9)):
        for old, new in zip(before, after, strict=False):
            assert new <= old


def test_limit_and_shard_hold_together() -> None:
    assert {c for n in (1, 2, 3) for c in chosen("lib-*", shard=(n, 3))} == set(chosen("lib-*"))


def test_the_order_of_the_desired_state_does_not_move_shards() -> None:
    turned: Desired = desired(owners=OWNERS[::-1])
    assert list(select(turned, (), (2, 3)).of(turned, KNOWN)) == chosen(shard=(2, 3))


def test_ranks_and_shards_are_pinned() -> None:
    """A change of the hash would move repositories between running shards."""
    assert [c.identifier for c in chosen("alice/lib-*", shard=(2, 3))] == ["lib-6"]
    assert ranked("b", ("1", "2", "3", "4")) == ("3", "4", "2", "1")
    assert ranked("c", ("1", "2", "3", "4")) == ("1", "3", "4", "2")


PLACES = st.lists(st.text(max_size=3), unique=True, max_size=8)


@given(st.text(), PLACES, st.integers(0, 7))
def test_without_one_place_the_others_keep_their_order(
    key: str, places: list[str], at: int
) -> None:
    order = ranked(key, places)
    assert sorted(order) == sorted(places)
    assert ranked(key, places[::-1]) == order
    gone = places[at % len(places)] if places else ""
    assert ranked(key, [p for p in places if p != gone]) == tuple(p for p in order if p != gone)
