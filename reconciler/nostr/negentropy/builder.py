"""One message under construction: ranges in order, gaps skipped, within a frame."""

from __future__ import annotations

from typing import Final

from reconciler.errors import OurFault
from reconciler.nostr.negentropy.items import ID_BYTES, INFINITY, ZERO, Bound, Items
from reconciler.nostr.negentropy.wire import VERSION, Digest, IdList, Range, Skip, write

FRAME_MIN: Final = 4096
"""Smallest frame: several splits fit into it, so each message brings progress."""
SPLIT_BYTES: Final = 1_200
"""No split is longer: 31 ids, or 16 digests with whole ids as bounds, and the gap before them."""
SPARE: Final = 200
"""Bytes kept free for the ranges that close a full frame, as in the reference."""
_BUCKETS: Final = 16
"""Parts of a range that differs."""


def split(items: Items, lower: int, upper: int, end: Bound) -> tuple[Range, ...]:
    """What to say of a range that differs: its ids when they are few, else its parts' digests."""
    count = upper - lower
    if count < 2 * _BUCKETS:
        return (IdList(end, items.ids(lower, upper)),)
    size, larger = divmod(count, _BUCKETS)
    ranges = []
    for bucket in range(_BUCKETS):
        begin, lower = lower, lower + size + (bucket < larger)
        bound = end if lower == upper else items.between(lower)
        ranges.append(Digest(bound, items.fingerprint(begin, lower)))
    return tuple(ranges)


class MessageBuilder:
    """A message that grows. `frame` is its size limit in bytes; None: none."""

    def __init__(self, items: Items, frame: int | None) -> None:
        if frame is not None and frame < FRAME_MIN:
            raise OurFault(f"a negentropy frame has at least {FRAME_MIN} bytes")
        self._items = items
        self._frame = frame
        self._out = bytearray([VERSION])
        self._time = 0
        self._end = ZERO

    def __bool__(self) -> bool:
        """Does it say anything?"""
        return len(self._out) > 1

    def __bytes__(self) -> bytes:
        return bytes(self._out)

    def put(self, start: Bound, *ranges: Range) -> bool:
        """Append ranges that begin at `start`; False, and nothing is appended, when they do not
        fit."""
        data, time = self._written(start, ranges)
        if self._frame is not None and len(self._out) + len(data) > self._frame - SPARE:
            return False
        self._append(data, time, ranges[-1].upper)
        return True

    def put_ids(self, start: Bound, lower: int, upper: int, end: Bound) -> int:
        """Append as many ids of a range as fit; the position behind the last one."""
        free = upper - lower
        if self._frame is not None:
            free = max(0, (self._frame - SPARE - len(self._out)) // ID_BYTES + 1)
        cut = min(upper, lower + free)
        bound = end if cut == upper else self._items.keys[cut]
        listed = IdList(bound, self._items.ids(lower, cut))
        self._append(*self._written(start, (listed,)), bound)
        return cut

    @property
    def is_full(self) -> bool:
        """Has a list of ids used up the frame?"""
        return self._frame is not None and len(self._out) > self._frame - SPARE

    def put_rest(self, start: Bound, position: int) -> None:
        """Close a full frame: one digest over everything that is left, for another round.

        The reference leaves out the part that just did not fit, though the range on the wire
        begins before it: a peer that has nothing in that part then finds the rest equal, and
        the difference is lost. Here the digest covers all of its range.
        """
        rest = Digest(INFINITY, self._items.fingerprint(position, len(self._items)))
        self._append(*self._written(start, (rest,)), INFINITY)

    def _written(self, start: Bound, ranges: tuple[Range, ...]) -> tuple[bytes, int]:
        gap = () if start == self._end else (Skip(start),)
        return write((*gap, *ranges), self._time)

    def _append(self, data: bytes, time: int, end: Bound) -> None:
        self._out += data
        self._time = time
        self._end = end
