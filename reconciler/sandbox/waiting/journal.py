"""What must outlive a kill: entries by shelf and key, in SQLite; and shelves that are kept there.

Written before the call returns that changed something, so that what a client was told is true after
a crash, too. Any thread may call it. Knows nothing of what an entry means.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr.strictjson import Json, dumps, loads
from reconciler.sandbox.limits import JOURNAL_DEPTH
from reconciler.sandbox.waiting.shelf import K, NewShelf, Shelf, W

_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS kept (
    number INTEGER PRIMARY KEY, shelf TEXT, key TEXT, entry TEXT, UNIQUE (shelf, key)
);
"""


class Journal:
    """One file of entries. A damaged file counts as none."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError:
            for part in ("", "-wal", "-shm"):  # an old log would be read into the new file
                path.with_name(path.name + part).unlink(missing_ok=True)
            self._db = _opened(path)

    def put(self, shelf: str, key: str, entry: Json) -> None:
        """Keep an entry; one that is here is changed and stays in its place."""
        sql = (
            "INSERT INTO kept (shelf, key, entry) VALUES (?, ?, ?)"
            " ON CONFLICT (shelf, key) DO UPDATE SET entry = excluded.entry"
        )
        with self._lock:
            self._db.execute(sql, (shelf, key, dumps(entry)))

    def drop(self, shelf: str, key: str) -> None:
        """Forget an entry; nothing happens when there is none."""
        with self._lock:
            self._db.execute("DELETE FROM kept WHERE shelf = ? AND key = ?", (shelf, key))

    def clear(self, shelf: str) -> None:
        """Forget all of a shelf."""
        with self._lock:
            self._db.execute("DELETE FROM kept WHERE shelf = ?", (shelf,))

    def entries(self, shelf: str) -> list[Json]:
        """All of a shelf that can be read, in the order of arrival. Somebody else may have written
        into the file: what is no JSON is left out."""
        sql = "SELECT entry FROM kept WHERE shelf = ? ORDER BY number"
        with self._lock:
            rows = self._db.execute(sql, (shelf,)).fetchall()
        found = []
        for (text,) in rows:
            with suppress(PeerFault, TypeError):
                found.append(loads(text, depth=JOURNAL_DEPTH, floats=True))
        return found

    def close(self) -> None:
        """Close the file; later calls fail."""
        with self._lock:
            self._db.close()


class KeptShelf(Shelf[K, W]):
    """A shelf whose entries are in the journal, too, under its name."""

    def __init__(
        self, clock: Callable[[], float], journal: Journal, name: str, *, most: int, each: int
    ) -> None:
        super().__init__(clock, name, most=most, each=each)
        self._journal = journal

    def put(self, key: K, entry: W) -> None:
        """As a shelf does."""
        super().put(key, entry)
        self._journal.put(self._name, str(key), entry.to_json())

    def update(self, key: K, entry: W) -> None:
        """As a shelf does."""
        super().update(key, entry)
        self._journal.put(self._name, str(key), entry.to_json())

    def drop(self, key: K) -> None:
        """As a shelf does."""
        super().drop(key)
        self._journal.drop(self._name, str(key))

    def fill(self, entries: Iterable[tuple[K, W]]) -> None:
        """As a shelf does."""
        kept = tuple(entries)
        self._journal.clear(self._name)
        super().fill(kept)


def kept(clock: Callable[[], float], journal: Journal) -> NewShelf:
    """Shelves that outlive a kill: each change is in the journal before it returns."""

    def shelf(name: str, *, most: int, each: int) -> Shelf[K, W]:
        return KeptShelf(clock, journal, name, most=most, each=each)

    return shelf


def _opened(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.DatabaseError: it is no such file."""
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        db.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        with closing(db):
            raise
    return db
