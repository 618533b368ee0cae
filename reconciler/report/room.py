"""How much a view shows: the fullest form that fits into its budget. What is left out is counted,
and counts, digest and what is grave are given up last. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

ALL = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """`details`: every ref and event. `names` on one line; `lines` of a part; lines of what is
    `grave` (taken away, refused, signed or failed); `rows` and `columns` of the glance."""

    details: bool = False
    names: int = ALL
    lines: int = ALL
    grave: int = ALL
    rows: int = 40
    columns: int = 12


def rooms(first: Iterable[Room]) -> Iterator[Room]:
    """After those: fewer names, then fewer lines, the grave last."""
    yield from first
    room = Room(names=3, lines=512, rows=20)
    while room.lines:
        yield room
        room = replace(room, lines=room.lines // 2)
    room = replace(room, names=1, grave=512, rows=10)
    while room.grave:
        yield room
        room = replace(room, grave=room.grave // 2)
    yield room


def fitted(draw: Callable[[Room], str], fits: Callable[[str], bool], first: Iterable[Room]) -> str:
    """The first form that fits; the smallest one when none does."""
    text = ""
    for room in rooms(first):
        text = draw(room)
        if fits(text):
            break
    return text
