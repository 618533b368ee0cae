"""What runs remember of servers, in one small SQLite file of the state folder.

It saves work and is never needed for safety: without it, the next run sends a few events once more.
So damage of any kind is loss, and so is what cannot be true: a submission of tomorrow (the clock
was wrong then, or is now) would hold its event back until then. A file that cannot be used is set
aside, and a new one begun.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

from reconciler.limits import MEMORY_BYTES, MEMORY_SECONDS
from reconciler.model.observed import Delegated, Memory, Submission
from reconciler.nostr.nip34 import Coordinate

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE submission (server TEXT, event_id TEXT, at INTEGER, accepted INTEGER, tries INTEGER,
                         message TEXT, PRIMARY KEY (server, event_id));
CREATE TABLE delegated (server TEXT, owner TEXT, identifier TEXT, since INTEGER, until INTEGER,
                        PRIMARY KEY (server, owner, identifier));
CREATE TABLE sent (server TEXT, at INTEGER, events INTEGER);
CREATE TABLE shut (server TEXT PRIMARY KEY, until INTEGER);
"""
_NAMES: Final = frozenset({"submission", "delegated", "sent", "shut"})
"""Times are seconds since 1970. `sent` counts against budgets that outlive a connection; before
`until` a server that is `shut` has no budget left."""


class MemoryFile:
    """The memory at `path`, which need not exist; safe between threads.

    Reading never fails. Writing raises OSError: the disk is full, or the folder not ours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def load(self, now: int) -> Memory:
        """Everything up to `now` (seconds since 1970)."""
        submissions = (
            "SELECT server, event_id, at, accepted, tries, message FROM submission WHERE at <= ?"
        )
        delegated = "SELECT server, owner, identifier, since, until FROM delegated WHERE since <= ?"
        return Memory(
            submissions=tuple(map(_submission, self.rows(submissions, (now,)))),
            delegated=tuple(map(_delegated, self.rows(delegated, (now,)))),
        )

    def save(self, memory: Memory) -> None:
        """Replace it at once. Raises OSError."""
        rows = [
            (s.server, s.event_id, s.at, int(s.accepted), s.tries, s.message)
            for s in memory.submissions
        ]
        left = [
            (d.server, d.coordinate.owner, d.coordinate.identifier, d.since, d.until)
            for d in memory.delegated
        ]
        self.write(
            ("DELETE FROM submission", [()]),
            ("INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?)", rows),
            ("DELETE FROM delegated", [()]),
            ("INSERT INTO delegated VALUES (?, ?, ?, ?, ?)", left),
        )

    def account(self, server: str) -> Account:
        """What is remembered of one server's budget."""
        return Account(self, server)

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """What a question finds: nothing, where there is no memory or none that can be used."""
        with self._lock:
            if not _is_usable(self._path):
                return []
            try:
                with closing(_opened(self._path)) as file:
                    return list(file.execute(query, values))
            except sqlite3.Error:
                return []

    def write(self, *statements: tuple[str, Iterable[tuple[object, ...]]]) -> None:
        """All statements, or none. Raises OSError."""
        with self._lock:
            new = not _is_usable(self._path)
            if new and os.path.lexists(self._path) and not self._path.is_dir():
                self._path.replace(self._path.with_suffix(".damaged"))
            try:
                with closing(sqlite3.connect(self._path)) as file, file:
                    if new:
                        file.executescript(f"{_TABLES} PRAGMA user_version = {_VERSION};")
                    for statement, rows in statements:
                        file.executemany(statement, rows)
            except sqlite3.Error as error:
                raise OSError(errno.EIO, str(error), str(self._path)) from None


@dataclass(frozen=True, slots=True)
class Account:
    """The budget of one server over runs: what it was sent, and whether it has any left. What
    cannot be written down is only forgotten by the next run."""

    memory: MemoryFile
    server: str

    def sent(self, now: int) -> tuple[tuple[int, int], ...]:
        """When how many events went there, oldest first."""
        query = "SELECT at, events FROM sent WHERE server = ? AND at <= ? ORDER BY at"
        return tuple((at, events) for at, events in self.memory.rows(query, (self.server, now)))

    def count(self, at: int, events: int) -> None:
        """So many are about to be sent."""
        with suppress(OSError):
            self.memory.write(
                ("DELETE FROM sent WHERE at < ?", [(at - MEMORY_SECONDS,)]),
                ("INSERT INTO sent VALUES (?, ?, ?)", [(self.server, at, events)]),
            )

    def shut(self, now: int) -> int:
        """Until when it has no budget; 0: it has some, for all that is known."""
        query = "SELECT until FROM shut WHERE server = ? AND until <= ?"
        rows = self.memory.rows(query, (self.server, now + MEMORY_SECONDS))
        return int(rows[0][0]) if rows else 0

    def shut_until(self, until: int) -> None:
        """It has none before then."""
        with suppress(OSError):
            row = (self.server, until)
            self.memory.write(("INSERT OR REPLACE INTO shut VALUES (?, ?)", [row]))


def _opened(path: Path) -> sqlite3.Connection:
    """For reading; what a killed run began is rolled back."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _is_usable(path: Path) -> bool:
    """Is it a file of ours, whole, and of this version?"""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MEMORY_BYTES:
            return False
        with closing(_opened(path)) as file:
            (version,) = file.execute("PRAGMA user_version").fetchone()
            (found,) = file.execute("PRAGMA quick_check(1)").fetchone()
            tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    except sqlite3.OperationalError as error:
        # somebody else writes: it is theirs as much as ours, and whole
        return "locked" in str(error)
    except (OSError, sqlite3.Error):
        return False
    return version == _VERSION and found == "ok" and tables.issuperset(_NAMES)


def _submission(row: tuple[Any, ...]) -> Submission:
    server, event_id, at, accepted, tries, message = row
    return Submission(
        server=server,
        event_id=event_id,
        at=at,
        accepted=bool(accepted),
        tries=tries,
        message=message,
    )


def _delegated(row: tuple[Any, ...]) -> Delegated:
    server, owner, identifier, since, until = row
    return Delegated(server, Coordinate(owner, identifier), since, until)
