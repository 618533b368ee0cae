"""A document's values together with where each of them stands in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.errors import Mistake
from reconciler.nostr.strictjson import Json

Path = tuple[str | int, ...]
"""Keys and list positions from the root down."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Line and column, both counted from 1."""

    line: int
    column: int


_START = Spot(1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One document: plain JSON in `value`, and the spots of its keys and values by path.

    `mistakes` are those that the syntax already showed; below an `opaque` path the value is not
    what the author meant (an alias or a tag stood there), so nothing more is said about it.
    """

    place: str
    value: Json
    keys: Mapping[Path, Spot]
    values: Mapping[Path, Spot]
    mistakes: tuple[Mistake, ...] = ()
    opaque: frozenset[Path] = frozenset()

    def at_value(self, path: Path, message: str, remedy: str) -> Mistake:
        """A mistake in the value at this path, or in the nearest one above it."""
        while path and path not in self.values:
            path = path[:-1]
        return self._mistake(self.values.get(path, _START), message, remedy)

    def at_key(self, path: Path, message: str, remedy: str) -> Mistake:
        """A mistake in the key that ends this path."""
        spot = self.keys.get(path)
        return (
            self._mistake(spot, message, remedy) if spot else self.at_value(path, message, remedy)
        )

    def line(self, path: Path) -> int:
        """The line of the value at this path."""
        return self.values.get(path, _START).line

    def is_opaque(self, path: Path) -> bool:
        """Does the path lead through a value that could not be read?"""
        return any(path[:depth] in self.opaque for depth in range(len(path) + 1))

    def _mistake(self, spot: Spot, message: str, remedy: str) -> Mistake:
        return Mistake(self.place, message, remedy, spot.line, spot.column)
