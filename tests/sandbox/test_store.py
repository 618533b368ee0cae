"""The event store alone: outcomes, plans of its queries, and its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import PeerFault
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.sandbox.events.query import select
from reconciler.sandbox.events.store import Added, Store
from tests.kit.servers import ALICE, BOB, NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "events.sqlite")
    yield opened
    opened.close()


def test_an_event_is_stored_or_the_reason_why_not(store: Store) -> None:
    old, new = (ALICE.sign(30_000, ("d", "x"), at=NOW + i) for i in (0, 1))
    assert [store.add(e) for e in (new, new, old)] == [
        Added.STORED,
        Added.DUPLICATE,
        Added.OLDER,
    ]
    store.delete(ALICE.sign(kinds.DELETION, ("e", new.id)))
    assert store.add(new) is Added.DELETED
    assert store.add(old) is Added.STORED


def test_the_store_knows_ids_addresses_and_what_is_named(store: Store) -> None:
    event = ALICE.sign(30_000, ("d", "x"), ("e", "1" * 64), ("long", "y"), ("empty",))
    store.add(event)
    assert store.has(event.id)
    assert store.author_of(event.id) == ALICE.pubkey
    assert store.author_of("0" * 64) is None
    assert store.has_address(30_000, ALICE.pubkey, "x")
    assert not store.has_address(30_000, BOB.pubkey, "x")
    assert store.is_named(("E", "e"), "1" * 64)
    assert not store.is_named(("a", "q"), "1" * 64)
    assert not store.is_named(("long",), "y")  # only single letters are indexed (NIP-01)


def test_reopened_file_has_everything(store: Store, tmp_path: Path) -> None:
    event = ALICE.sign(1)
    gone = ALICE.sign(2)
    store.add(event)
    store.delete(ALICE.sign(kinds.DELETION, ("e", gone.id)))
    store.close()
    again = Store(tmp_path / "events.sqlite")
    assert again.events(Filter(), now=NOW) == (event,)
    assert again.is_deleted(gone)
    again.close()


def test_expired_rows_are_removed(store: Store, tmp_path: Path) -> None:
    store.add(ALICE.sign(1, ("expiration", str(NOW + 5)), ("t", "x")))
    store.expire(NOW + 4)
    assert store.count([Filter()], now=NOW) == 1
    store.expire(NOW + 5)
    with sqlite3.connect(tmp_path / "events.sqlite") as other:
        for table in ("events", "tags"):
            assert other.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - constants
    other.close()


def test_a_changed_file_is_noticed(store: Store, tmp_path: Path) -> None:
    event = ALICE.sign(1, content="true")
    store.add(event)
    with sqlite3.connect(tmp_path / "events.sqlite") as other:
        other.execute("UPDATE events SET json = replace(json, 'true', 'false')")
    other.close()
    with pytest.raises(PeerFault):
        store.events(Filter(), now=NOW)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(ids=("0" * 64,)), "sqlite_autoindex_events_1 (id=?)"),
        (Filter(authors=("0" * 64,), kinds=(1,)), "by_author"),
        (Filter(kinds=(1,)), "by_kind"),
        (Filter(since=NOW), "by_time"),
        (Filter(kinds=(30_617,), tags=(("d", ("x",)),)), "PRIMARY KEY (name=? AND value=?)"),
    ],
)
def test_every_filter_has_an_index(
    store: Store, tmp_path: Path, wanted: Filter, index: str
) -> None:
    query = select("id, json", wanted, now=NOW, limit=500)
    with sqlite3.connect(tmp_path / "events.sqlite") as other:
        rows = other.execute(f"EXPLAIN QUERY PLAN {query.text}", query.values).fetchall()
    other.close()
    plan = "\n".join(str(row[3]) for row in rows)
    assert index in plan
    assert "SCAN events\n" not in plan + "\n"
