"""Purgatory that outlives a kill: each change of a shelf is in the journal before it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from reconciler.nostr.strictjson import Json
from reconciler.sandbox.waiting import written
from reconciler.sandbox.waiting.journal import Journal
from reconciler.sandbox.waiting.parked import BOUNDS, Bounds
from reconciler.sandbox.waiting.purgatory import Purgatory
from reconciler.sandbox.waiting.shelf import K, Shelf, Waiting

W = TypeVar("W", bound=Waiting)


class KeptShelf(Shelf[K, W]):
    """A shelf whose entries are in the journal, too, under `name`."""

    def __init__(
        self,
        clock: Callable[[], float],
        journal: Journal,
        name: str,
        as_json: Callable[[W], Json],
        *,
        most: int,
        each: int,
    ) -> None:
        super().__init__(clock, most=most, each=each)
        self._journal = journal
        self._name = name
        self._as_json = as_json

    def put(self, key: K, entry: W) -> None:
        """As a shelf does."""
        super().put(key, entry)
        self._journal.put(self._name, str(key), self._as_json(entry))

    def update(self, key: K, entry: W) -> None:
        """As a shelf does."""
        super().update(key, entry)
        self._journal.put(self._name, str(key), self._as_json(entry))

    def drop(self, key: K) -> None:
        """As a shelf does."""
        super().drop(key)
        self._journal.drop(self._name, str(key))

    def fill(self, entries: Iterable[tuple[K, W]]) -> None:
        """As a shelf does."""
        kept = tuple(entries)
        self._journal.clear(self._name)
        super().fill(kept)


class DurablePurgatory(Purgatory):
    """Purgatory on kept shelves."""

    def __init__(
        self,
        clock: Callable[[], float],
        parked: Callable[[str], None],
        journal: Journal,
        bounds: Bounds = BOUNDS,
    ) -> None:
        super().__init__(clock, parked, bounds)
        most, each = bounds.most, bounds.each
        self._announcements = KeptShelf(
            clock,
            journal,
            written.ANNOUNCEMENTS,
            written.announcement_json,
            most=most,
            each=bounds.announcements,
        )
        self._states = KeptShelf(
            clock, journal, written.STATES, written.state_json, most=most, each=each
        )
        self._pulls = KeptShelf(
            clock, journal, written.PULLS, written.pull_json, most=most, each=each
        )
