"""The events that a relay serves, in SQLite: NIP-01 replacement, NIP-09 deletion, NIP-40 expiry.

Owns the file and its one connection. Every method is one transaction behind one lock, so any
thread may call it. Knows nothing of repositories: what may be stored is decided elsewhere.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path

from reconciler.nostr import kinds
from reconciler.nostr.addresses import Address, address_of, deleted_by
from reconciler.nostr.event import Event, Tag, is_hex32, verify_text
from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import dumps
from reconciler.sandbox.events import loose
from reconciler.sandbox.events.query import SCHEMA, Sql, select
from reconciler.sandbox.family.rules import DeletionMemory
from reconciler.sandbox.limits import KNOWN_CHARS, KNOWN_TEXTS


class Added(Enum):
    """What became of an event that was offered."""

    STORED = auto()
    DUPLICATE = auto()
    OLDER = auto()
    DELETED = auto()


class Store:
    """One relay's events."""

    def __init__(self, path: Path, *, expires: bool = True, loose_tags: bool = False) -> None:
        """`expires`: NIP-40 is kept; `loose_tags`: tag filters find what `loose` says."""
        self._expires = expires
        self._loose_tags = loose_tags
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.create_function("loose_key", 4, loose.key, deterministic=True)
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file; later calls fail."""
        with self._lock:
            self._db.close()

    # --- writing ---

    def add(self, event: Event) -> Added:
        """Store an event; of a replaceable one only the newest stays (lowest id among equals)."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            return self._add(event)

    def add_many(self, events: Iterable[Event]) -> dict[Added, int]:
        """`add` for many, in one transaction: all of them or, after an error, none. How often each
        outcome came."""
        outcomes = dict.fromkeys(Added, 0)
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for event in events:
                outcomes[self._add(event)] += 1
        return outcomes

    def delete(self, deletion: Event, memory: DeletionMemory = DeletionMemory.ALL) -> bool:
        """Carry out a kind 5 (NIP-09): only the author's own events, `a` only up to its second;
        `memory` says what may not come back. Returns whether anything went."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if memory is not DeletionMemory.NONE:
                self._remember_deletion(deletion, stored_only=memory is DeletionMemory.STORED)
            before = self._db.total_changes
            for event_id in filter(is_hex32, deletion.values("e")):
                self._delete_id(event_id, deletion.pubkey)
            for address in deleted_by(deletion):
                self._delete_address(address, deletion.created_at)
            return self._db.total_changes > before

    def clear(self) -> None:
        """Lose everything, deletions too."""
        with self._lock, self._db:
            for table in ("events", "deleted_ids", "deleted_addresses"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - constants

    def expire(self, now: float) -> None:
        """Remove what has expired (NIP-40); queries leave it out even before that."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM events WHERE expires <= ?", (now,))

    # --- reading ---

    def texts(self, filters: Iterable[Filter], *, now: float, default: int, most: int) -> list[str]:
        """JSON texts of the matching events, newest first within each filter, none twice."""
        found: dict[str, str] = {}
        for one in filters:
            limit = default if one.limit is None else min(one.limit, most)
            rows = self._all(self._select("id, json", one, now, limit))
            found |= {row[0]: row[1] for row in rows}
        return list(found.values())

    def events(self, one: Filter, *, now: float, by_arrival: bool = False) -> tuple[Event, ...]:
        """All events that match, verified once more, newest first; `limit` is honoured. By arrival:
        in the order in which they were stored."""
        rows = self._all(self._select("id, json, number", one, now, one.limit))
        if by_arrival:
            rows.sort(key=lambda row: row[2])
        return tuple(_event(row[1]) for row in rows)

    def pairs(self, one: Filter, *, now: float, most: int) -> list[tuple[int, str]]:
        """created_at and id of the matching events, at most so many; `limit` is honoured."""
        limit = most if one.limit is None else min(one.limit, most)
        asked = self._select("created_at, id", one, now, limit)
        with self._lock:
            return self._db.execute(asked.text, asked.values).fetchall()

    def count(self, filters: Iterable[Filter], *, now: float) -> int:
        """How many events match any of the filters (NIP-45); their limits do not count."""
        wanted = tuple(filters)
        if len(wanted) == 1:
            ((number,),) = self._all(self._select("count(*)", wanted[0], now))
            return int(number)
        asked = (self._select("id", one, now) for one in wanted)
        return len({row[0] for query in asked for row in self._all(query)})

    def has(self, event_id: str) -> bool:
        """Is this event stored?"""
        return self._ask("SELECT 1 FROM events WHERE id = ?", event_id)

    def author_of(self, event_id: str) -> str | None:
        """Who wrote the stored event; None when it is not stored."""
        with self._lock:
            row = self._one("SELECT pubkey FROM events WHERE id = ?", event_id)
        return str(row[0]) if row else None

    def kind_of(self, event_id: str) -> int | None:
        """The kind of the stored event; None when it is not stored."""
        with self._lock:
            row = self._one("SELECT kind FROM events WHERE id = ?", event_id)
        return int(row[0]) if row else None

    def has_address(self, kind: int, pubkey: str, d: str) -> bool:
        """Is a version of this replaceable event stored?"""
        sql = "SELECT 1 FROM events WHERE kind = ? AND pubkey = ? AND d = ?"
        return self._ask(sql, kind, pubkey, d)

    def is_named(self, tag_names: tuple[str, ...], value: str) -> bool:
        """Does a stored event carry one of these tags with this value?"""
        marks = ",".join("?" * len(tag_names))
        sql = f"SELECT 1 FROM tags WHERE name IN ({marks}) AND value = ? LIMIT 1"  # noqa: S608 - only "?" goes in
        return self._ask(sql, *tag_names, value)

    def is_deleted(self, event: Event, *, by_address: bool = True) -> bool:
        """Was it deleted, by id or by address, so that it may not come back (NIP-09)?"""
        with self._lock:
            return self._is_deleted(event, by_address=by_address)

    # --- inside a lock ---

    def _add(self, event: Event) -> Added:
        if self._one("SELECT 1 FROM events WHERE id = ?", event.id):
            return Added.DUPLICATE
        if self._is_deleted(event):
            return Added.DELETED
        address = address_of(event)
        if address and not self._replace(event, address):
            return Added.OLDER
        self._insert(event, address)
        return Added.STORED

    def _insert(self, event: Event, address: Address | None) -> None:
        row = self._db.execute(
            "INSERT INTO events (id, pubkey, kind, created_at, d, expires, json)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                event.id,
                event.pubkey,
                event.kind,
                event.created_at,
                address[2] if address else None,
                event.expires if self._expires else None,
                dumps(event.to_json()),
            ),
        )
        pairs = {_pair(tag) for tag in event.tags if len(tag) > 1 and len(tag[0]) == 1}
        self._db.executemany(
            "INSERT INTO tags (name, value, event) VALUES (?, ?, ?)",
            [(*pair, row.lastrowid) for pair in pairs],
        )

    def _replace(self, event: Event, address: Address) -> bool:
        """Make room for a newer version; False when a stored one wins."""
        stored = self._versions(address)
        newer = [pair for pair in stored if pair < (-event.created_at, event.id)]
        older = [(i,) for time, i in stored if (time, i) not in newer]
        self._db.executemany("DELETE FROM events WHERE id = ?", older)
        return not newer

    def _versions(self, address: Address) -> list[tuple[int, str]]:
        """-created_at and id of what is stored there; a loose index takes neighbours for it."""
        kind, pubkey, d = address
        if self._loose_tags and d:
            one = Filter(kinds=(kind,), authors=(pubkey,), tags=(("d", (d,)),))
            asked = select("-created_at, id", one, now=0, limit=loose.REPLACED, loosely=True)
            return self._db.execute(asked.text, asked.values).fetchall()
        sql = "SELECT -created_at, id FROM events WHERE kind = ? AND pubkey = ? AND d = ?"
        return self._db.execute(sql, address).fetchall()

    def _remember_deletion(self, deletion: Event, *, stored_only: bool) -> None:
        """So that nothing of it can come back."""
        for event_id in filter(is_hex32, deletion.values("e")):
            if stored_only and not self._one("SELECT 1 FROM events WHERE id = ?", event_id):
                continue
            pair = (event_id, deletion.pubkey)
            self._db.execute("INSERT OR IGNORE INTO deleted_ids VALUES (?, ?)", pair)
        for address in deleted_by(deletion):
            self._db.execute(
                "INSERT INTO deleted_addresses VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
                (*address, deletion.created_at),
            )

    def _delete_id(self, event_id: str, pubkey: str) -> None:
        sql = "DELETE FROM events WHERE id = ? AND pubkey = ? AND kind != ?"
        self._db.execute(sql, (event_id, pubkey, kinds.DELETION))

    def _delete_address(self, address: Address, until: int) -> None:
        sql = "DELETE FROM events WHERE kind = ? AND pubkey = ? AND d = ? AND created_at <= ?"
        self._db.execute(sql, (*address, until))

    def _is_deleted(self, event: Event, *, by_address: bool = True) -> bool:
        if event.kind == kinds.DELETION:
            return False  # NIP-09: deleting a deletion has no effect
        sql = "SELECT 1 FROM deleted_ids WHERE id = ? AND pubkey = ?"
        if self._one(sql, event.id, event.pubkey):
            return True
        address = address_of(event)
        if address is None or not by_address:
            return False
        sql = "SELECT until FROM deleted_addresses WHERE kind = ? AND pubkey = ? AND d = ?"
        row = self._one(sql, *address)
        return row is not None and event.created_at <= row[0]

    def _select(self, columns: str, one: Filter, now: float, limit: int | None = None) -> Sql:
        if self._loose_tags and loose.indexed(one):
            limit = loose.most(one) or limit
        return select(columns, one, now=now, limit=limit, loosely=self._loose_tags)

    def _ask(self, sql: str, *values: object) -> bool:
        with self._lock:
            return self._one(sql, *values) is not None

    def _all(self, asked: Sql) -> list[tuple[str, ...]]:
        with self._lock:
            return self._db.execute(asked.text, asked.values).fetchall()

    def _one(self, sql: str, *values: object) -> tuple[int, str] | None:
        row: tuple[int, str] | None = self._db.execute(sql, values).fetchone()
        return row


def _pair(tag: Tag) -> tuple[str, str]:
    return tag[0], tag[1]


_known = lru_cache(KNOWN_TEXTS)(verify_text)


def _event(text: str) -> Event:
    """The event of a row. The file is a trust boundary: somebody else may have changed it since we
    wrote it. Verifying is a pure function of the text, though, so the very same text needs it
    once, and a changed one is another text."""
    return _known(text) if len(text) <= KNOWN_CHARS else verify_text(text)
