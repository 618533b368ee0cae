"""A bounded set: of too many members the one that was added first is forgotten."""

from __future__ import annotations


class Remembered:
    """Ids, at most so many. Not safe for threads by itself."""

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
