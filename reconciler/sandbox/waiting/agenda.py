"""What a server does later by itself: errands with a due time on the injected clock.

Whoever makes an entry says what and when; `tidy` carries it out under the identifier's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr import nip34
from reconciler.nostr.nip34 import Coordinate
from reconciler.nostr.strictjson import Json
from reconciler.sandbox.waiting.journal import Journal

ERRANDS: Final = "errands"
"""The name of all errands in a file."""


class Task(Enum):
    """What is to be done."""

    CREATE = "make the bare repository of an announcement"
    PRUNE = "take away what the newest stored state lacks"
    ALIGN = "follow the newest stored state, with what other owners' repositories hold"
    RELEASE = "serve what waits and has its git data by now"
    CLEAN_PULLS = "delete refs/nostr refs that are merged or have no event"


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to do to one repository, at `due` (seconds)."""

    due: float
    task: Task
    coordinate: Coordinate

    @property
    def key(self) -> str:
        """Its name in the journal."""
        return f"{self.due} {self.task.name} {self.coordinate}"

    def to_json(self) -> Json:
        """As plain values."""
        return {"due": self.due, "task": self.task.name, "coordinate": str(self.coordinate)}

    @classmethod
    def from_json(cls, raw: Json) -> Errand:
        """Read one; what became due in between is done at once. Raises PeerFault, KeyError or
        TypeError."""
        coordinate = nip34.parse_coordinate(raw["coordinate"])
        if coordinate is None:
            raise PeerFault("an errand for no repository")
        return cls(raw["due"], Task[raw["task"]], coordinate)


class Agenda:
    """All errands of one server; with a journal they outlive a kill. For any thread."""

    def __init__(self, clock: Callable[[], float], journal: Journal | None = None) -> None:
        self._clock = clock
        self._journal = journal
        self._errands: dict[Errand, None] = {}
        self._lock = threading.Lock()

    def add(self, task: Task, coordinate: Coordinate, seconds: float) -> None:
        """Plan it, `seconds` from now."""
        with self._lock:
            self._put(Errand(self._clock() + seconds, task, coordinate))

    def overdue(self) -> frozenset[str]:
        """The identifiers for which something is due."""
        now = self._clock()
        with self._lock:
            return frozenset(e.coordinate.identifier for e in self._errands if e.due <= now)

    def due(self, identifier: str) -> tuple[Errand, ...]:
        """The due errands of an identifier, oldest first."""
        now = self._clock()
        with self._lock:
            due = [
                e for e in self._errands if e.due <= now and e.coordinate.identifier == identifier
            ]
        return tuple(sorted(due, key=lambda e: e.due))

    def done(self, errand: Errand) -> None:
        """Forget it. Only now: until then who comes along waits for it, and a kill repeats it."""
        with self._lock:
            self._drop(errand)

    def all(self) -> tuple[Errand, ...]:
        """Everything that is planned, in the order in which it was."""
        with self._lock:
            return tuple(self._errands)

    def restore(self, errands: Iterable[Errand]) -> None:
        """Plan exactly what `all` gave."""
        self.clear()
        with self._lock:
            for errand in errands:
                self._put(errand)

    def clear(self) -> None:
        """Forget everything, as a crash does."""
        with self._lock:
            for errand in tuple(self._errands):
                self._drop(errand)

    def _put(self, errand: Errand) -> None:
        self._errands[errand] = None
        if self._journal:
            self._journal.put(ERRANDS, errand.key, errand.to_json())

    def _drop(self, errand: Errand) -> None:
        self._errands.pop(errand, None)
        if self._journal:
            self._journal.drop(ERRANDS, errand.key)
