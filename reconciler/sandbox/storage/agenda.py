"""What a server does later by itself: errands with a due time on the injected clock.

Whoever makes an entry says what and when; `tidy` carries it out under the identifier's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from reconciler.nostr.nip34 import Coordinate


class Task(Enum):
    """What is to be done."""

    CREATE = "make the bare repository of an announcement"
    ALIGN = "let a repository follow the newest stored state"
    RELEASE = "serve what waits and has its git data by now"
    CLEAN_PULLS = "delete refs/nostr refs that are merged or have no event"


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to do to one repository, at `due` (seconds)."""

    due: float
    task: Task
    coordinate: Coordinate


class Agenda:
    """All errands of one server. May be used from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._errands: list[Errand] = []
        self._lock = threading.Lock()

    def add(self, task: Task, coordinate: Coordinate, seconds: float) -> None:
        """Plan it, `seconds` from now."""
        with self._lock:
            self._errands.append(Errand(self._clock() + seconds, task, coordinate))

    def overdue(self) -> frozenset[str]:
        """The identifiers for which something is due."""
        now = self._clock()
        with self._lock:
            return frozenset(e.coordinate.identifier for e in self._errands if e.due <= now)

    def take(self, identifier: str) -> tuple[Errand, ...]:
        """The due errands of an identifier, oldest first; they are forgotten here."""
        now = self._clock()
        with self._lock:
            due = [
                e for e in self._errands if e.due <= now and e.coordinate.identifier == identifier
            ]
            self._errands = [e for e in self._errands if e not in due]
        return tuple(sorted(due, key=lambda e: e.due))

    def clear(self) -> None:
        """Forget everything, as a restart does."""
        with self._lock:
            self._errands.clear()
