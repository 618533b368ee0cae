"""Things that wait for a while, by key and by identifier. One shelf a kind of thing.

Not safe for threads by itself. What has expired is passed over, and stays until it is taken out;
so is the oldest entry when there are too many: whoever puts one more on the shelf does not hold the
lock of the identifier that has to make room, and may not touch its repository.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from reconciler.nostr.strictjson import Json


class Waiting(Protocol):
    """What a shelf holds: whose it is, and until when it waits, in seconds on the clock."""

    @property
    def identifier(self) -> str:
        """The repository's identifier, whoever owns it."""

    @property
    def author(self) -> str:
        """The pubkey whose share of the shelf it takes."""

    @property
    def expires(self) -> float:
        """From this second on it is as good as gone."""

    def to_json(self) -> Json:
        """As plain values, for shelves that are kept in a file."""


K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound=Waiting)


class Shelf(Generic[K, W]):
    """`of` costs what waits for one identifier, not what waits at all."""

    def __init__(self, clock: Callable[[], float], name: str, *, most: int, each: int) -> None:
        """`most` entries wait at a time, and `each` of one author; `name` is that of their kind."""
        self._clock = clock
        self._name = name
        self._most = most
        self._each = each
        self._entries: dict[K, W] = {}
        self._keys: dict[str, dict[K, None]] = {}
        self._of_author: dict[str, dict[K, None]] = {}
        self._ousted: set[K] = set()

    def put(self, key: K, entry: W) -> None:
        """Hold an entry, in place of an earlier one under its key. The oldest make room for it:
        of the same author first, then of all."""
        self.drop(key)
        self._entries[key] = entry
        self._keys.setdefault(entry.identifier, {})[key] = None
        self._of_author.setdefault(entry.author, {})[key] = None
        self._make_room(self._of_author[entry.author], self._each)
        self._make_room(self._entries, self._most)

    def update(self, key: K, entry: W) -> None:
        """Change an entry that is here; it keeps its place, its identifier and its author."""
        self._entries[key] = entry

    def get(self, key: K) -> W | None:
        """The entry, if it still waits."""
        return self._entries[key] if key in self._entries and self._waits(key) else None

    def of(self, identifier: str) -> tuple[W, ...]:
        """What still waits for one identifier, in the order of arrival."""
        keys = self._keys.get(identifier, ())
        return tuple(self._entries[key] for key in keys if self._waits(key))

    def drop(self, key: K) -> None:
        """Forget an entry; nothing happens when there is none."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._ousted.discard(key)
        for index, name in ((self._keys, entry.identifier), (self._of_author, entry.author)):
            del index[name][key]
            if not index[name]:
                del index[name]

    def take_expired(
        self, identifier: str, instead: Callable[[W], W | None] = lambda _: None
    ) -> tuple[W, ...]:
        """Take out what no longer waits for one identifier: its time is over, or (it still
        `lives`) it had to make room. What `instead` gives waits on in its place."""
        keys = tuple(key for key in self._keys.get(identifier, ()) if not self._waits(key))
        gone = tuple(self._entries[key] for key in keys)
        for key, entry in zip(keys, gone, strict=True):
            if another := instead(entry):
                self.update(key, another)
            else:
                self.drop(key)
        return gone

    def overdue(self) -> frozenset[str]:
        """The identifiers with something to take out."""
        return frozenset(e.identifier for k, e in self._entries.items() if not self._waits(k))

    def fill(self, entries: Iterable[tuple[K, W]]) -> None:
        """Hold these, and nothing else."""
        for key in tuple(self._entries):
            self.drop(key)
        for key, entry in entries:
            self.put(key, entry)

    def all(self) -> tuple[W, ...]:
        """Everything that was not taken out, in the order of arrival."""
        return tuple(self._entries.values())

    def lives(self, entry: W) -> bool:
        """Has it time left?"""
        return entry.expires > self._clock()

    def _waits(self, key: K) -> bool:
        return key not in self._ousted and self.lives(self._entries[key])

    def _make_room(self, keys: Collection[K], most: int) -> None:
        if len(keys) <= most:
            return
        waiting = [key for key in keys if self._waits(key)]
        self._ousted.update(waiting[: max(0, len(waiting) - most)])


class NewShelf(Protocol):
    """Makes one of a server's shelves."""

    def __call__(self, name: str, *, most: int, each: int) -> Shelf[K, W]:
        """As `Shelf` takes them."""


def in_memory(clock: Callable[[], float]) -> NewShelf:
    """Shelves that are lost with the process."""

    def shelf(name: str, *, most: int, each: int) -> Shelf[K, W]:
        return Shelf(clock, name, most=most, each=each)

    return shelf


class Remembered:
    """Ids, at most so many: of too many the one that was added first is forgotten. Not safe for
    threads by itself."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[str, None] = {}

    def __contains__(self, member: object) -> bool:
        return member in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, member: str) -> None:
        """Remember it."""
        self._ids[member] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]

    def discard(self, member: str) -> None:
        """Forget it; nothing happens when it is not there."""
        self._ids.pop(member, None)

    def clear(self) -> None:
        """Forget all."""
        self._ids.clear()
