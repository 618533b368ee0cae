"""A set of (time, id) in protocol order, whose ranges have fingerprints at the price of one hash.

An item's key is its time as 8 bytes, big-endian, and its id of 32 bytes: sorting keys as bytes is
the order that the protocol asks for (time ascending, then id). A bound is the beginning of a key,
so it is a key's prefix and compares in the same way.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from reconciler.errors import OurFault
from reconciler.nostr.negentropy.varint import encode

TIME_BYTES: Final = 8
ID_BYTES: Final = 32
FINGERPRINT_BYTES: Final = 16

Bound = bytes
"""Where a range ends, itself excluded: 8 bytes of time and 0 to 32 bytes of an id's beginning."""

ZERO: Final[Bound] = bytes(TIME_BYTES)
"""Where the first range begins."""
INFINITY: Final[Bound] = b"\xff" * TIME_BYTES
"""Behind every item: the protocol reserves this time."""

_MODULUS: Final = 2 ** (8 * ID_BYTES)


@dataclass(frozen=True, slots=True)
class Items:
    """Build it with `items`. `sums[i]` is the sum of the first i ids, so that the sum of a range
    is one subtraction; without it every round would add up the whole set again."""

    keys: tuple[bytes, ...]
    sums: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, bound: Bound, start: int = 0) -> int:
        """The first item at or behind a bound, not before `start`."""
        return bisect_left(self.keys, bound, start)

    def ids(self, lower: int, upper: int) -> tuple[bytes, ...]:
        """The ids of a range of positions."""
        return tuple(key[TIME_BYTES:] for key in self.keys[lower:upper])

    def fingerprint(self, lower: int, upper: int) -> bytes:
        """Sum of the ids as little-endian numbers, with their count, hashed and cut."""
        total = (self.sums[upper] - self.sums[lower]) % _MODULUS
        data = total.to_bytes(ID_BYTES, "little") + encode(upper - lower)
        return hashlib.sha256(data).digest()[:FINGERPRINT_BYTES]

    def between(self, position: int) -> Bound:
        """The shortest bound that parts this item from the one before it."""
        before, key = self.keys[position - 1], self.keys[position]
        pairs = enumerate(zip(before, key, strict=True))
        parted = next(at for at, (one, two) in pairs if one != two)
        return key[: max(TIME_BYTES, parted + 1)]


def items(pairs: Iterable[tuple[int, str]]) -> Items:
    """Sort pairs of time in seconds and id in hex.

    Raises:
        OurFault: an id twice under one time, or a time or an id that no event can have.
    """
    try:
        keys = sorted(time.to_bytes(TIME_BYTES) + bytes.fromhex(name) for time, name in pairs)
    except (OverflowError, ValueError):
        raise OurFault("an item is a time of 64 bits and an id in hex") from None
    if any(len(key) != TIME_BYTES + ID_BYTES or key >= INFINITY for key in keys):
        raise OurFault("an item's id has 32 bytes, and its time is not infinity")
    if any(map(bytes.__eq__, keys, keys[1:])):
        raise OurFault("an item stands in the set twice")
    numbers = (int.from_bytes(key[TIME_BYTES:], "little") for key in keys)
    return Items(tuple(keys), tuple(accumulate(numbers, initial=0)))
