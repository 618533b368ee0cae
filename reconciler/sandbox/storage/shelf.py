"""Things that wait for a while, by key and by identifier. One shelf a kind of thing.

Not safe for threads by itself. What has expired is passed over, and stays until it is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What a shelf holds: whose it is, and until when it waits, in seconds on the clock."""

    @property
    def identifier(self) -> str:
        """The repository's identifier, whoever owns it."""

    @property
    def expires(self) -> float:
        """From this second on it is as good as gone."""


K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound=Waiting)


class Shelf(Generic[K, W]):
    """`of` costs what waits for one identifier, not what waits at all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[K, W] = {}
        self._keys: dict[str, dict[K, None]] = {}

    def put(self, key: K, entry: W) -> None:
        """Hold an entry, in place of an earlier one under its key."""
        self.drop(key)
        self._entries[key] = entry
        self._keys.setdefault(entry.identifier, {})[key] = None

    def update(self, key: K, entry: W) -> None:
        """Change an entry that is here; it keeps its place and its identifier."""
        self._entries[key] = entry

    def get(self, key: K) -> W | None:
        """The entry, if it still waits."""
        entry = self._entries.get(key)
        return entry if entry and self.lives(entry) else None

    def of(self, identifier: str) -> tuple[W, ...]:
        """What still waits for one identifier, in the order of arrival."""
        entries = (self._entries[key] for key in self._keys.get(identifier, ()))
        return tuple(entry for entry in entries if self.lives(entry))

    def drop(self, key: K) -> None:
        """Forget an entry; nothing happens when there is none."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        keys = self._keys[entry.identifier]
        del keys[key]
        if not keys:
            del self._keys[entry.identifier]

    def take_expired(self, identifier: str) -> tuple[W, ...]:
        """Take out what no longer waits for one identifier."""
        keys = tuple(self._keys.get(identifier, ()))
        gone = tuple((key, self._entries[key]) for key in keys)
        gone = tuple((key, entry) for key, entry in gone if not self.lives(entry))
        for key, _ in gone:
            self.drop(key)
        return tuple(entry for _, entry in gone)

    def overdue(self) -> frozenset[str]:
        """The identifiers with something to take out."""
        return frozenset(e.identifier for e in self._entries.values() if not self.lives(e))

    def fill(self, entries: Iterable[tuple[K, W]]) -> None:
        """Hold these, and nothing else."""
        self._entries.clear()
        self._keys.clear()
        for key, entry in entries:
            self.put(key, entry)

    def all(self) -> tuple[W, ...]:
        """Everything, expired or not, in the order of arrival."""
        return tuple(self._entries.values())

    def lives(self, entry: W) -> bool:
        """Does it still wait?"""
        return entry.expires > self._clock()
