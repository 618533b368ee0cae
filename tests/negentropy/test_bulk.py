"""What the store does for many events at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import PeerFault
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.events.store import Added, Store
from tests.kit.servers import ALICE, BOB, NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "events.sqlite")
    yield opened
    opened.close()


def test_many_are_judged_like_each_one(store: Store) -> None:
    note = ALICE.sign(1)
    old, new = (ALICE.sign(30_000, ("d", "x"), at=NOW + i) for i in (0, 1))
    gone = BOB.sign(1)
    store.delete(BOB.sign(kinds.DELETION, ("e", gone.id)))
    assert store.add_many([note, new, old, note, gone]) == {
        Added.STORED: 2,
        Added.DUPLICATE: 1,
        Added.OLDER: 1,
        Added.DELETED: 1,
    }
    assert {event.id for event in store.events(Filter(), now=NOW)} == {note.id, new.id}


def test_many_events_are_added_together_or_not_at_all(store: Store) -> None:
    def interrupted() -> Iterator[Event]:
        yield ALICE.sign(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add_many(interrupted())
    assert store.count([Filter()], now=NOW) == 0
    assert store.add(ALICE.sign(1)) is Added.STORED  # no transaction is left open


def test_pairs_are_what_a_question_finds(store: Store) -> None:
    events = [ALICE.sign(1, at=NOW + n) for n in range(5)]
    passing = ALICE.sign(1, ("expiration", str(NOW + 9)), at=NOW + 9)
    store.add_many([*events, passing, BOB.sign(2)])
    notes = Filter(kinds=(1,))
    expected = [(event.created_at, event.id) for event in reversed(events)]
    assert store.pairs(notes, now=NOW + 9, most=99) == expected
    assert store.pairs(notes, now=NOW + 9, most=3) == expected[:3]
    assert store.pairs(notes.page(until=None, limit=2), now=NOW + 9, most=3) == expected[:2]
    assert len(store.pairs(notes, now=NOW, most=99)) == 6


@pytest.mark.parametrize("content", ["short", "long" * 2_000])
def test_a_change_is_noticed_after_the_event_was_read(
    store: Store, tmp_path: Path, content: str
) -> None:
    """What was verified once is not verified again, but a changed text is another text."""
    event = ALICE.sign(1, content=content)
    store.add(event)
    for _ in range(2):
        assert store.events(Filter(), now=NOW) == (event,)
    with sqlite3.connect(tmp_path / "events.sqlite") as other:
        other.execute("UPDATE events SET json = replace(json, 'o', 'x')")
    other.close()
    with pytest.raises(PeerFault):
        store.events(Filter(), now=NOW)
