"""Numbers on the wire: base 128, most significant digit first, high bit on all but the last."""

from __future__ import annotations

from typing import Final

from reconciler.errors import PeerFault

_MAX_BYTES: Final = 10
"""Digits of a 64-bit number."""
_MAX: Final = 2**64 - 1


def encode(number: int) -> bytes:
    """The shortest form."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def decode(data: bytes, start: int) -> tuple[int, int]:
    """The number at `start`, and where it ends.

    Raises:
        PeerFault: the data end within it, or it needs more than 64 bits.
    """
    number = 0
    for position in range(start, min(start + _MAX_BYTES, len(data))):
        number = number << 7 | data[position] & 0x7F
        if data[position] < 0x80:
            if number > _MAX:
                break
            return number, position + 1
    raise PeerFault("a negentropy number is cut off or larger than 64 bits")
