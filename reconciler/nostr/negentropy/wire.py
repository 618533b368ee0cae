"""Messages of the protocol as values: a version byte, then ranges side by side.

A message covers everything from zero to infinity: each range begins where the one before it
ends, and what follows the last one is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from reconciler.errors import PeerFault
from reconciler.limits import NEG_MESSAGE_BYTES
from reconciler.nostr.negentropy.items import (
    FINGERPRINT_BYTES,
    ID_BYTES,
    INFINITY,
    TIME_BYTES,
    Bound,
)
from reconciler.nostr.negentropy.varint import decode, encode

VERSION: Final = 0x61
"""Protocol V1."""
_VERSIONS: Final = range(0x60, 0x70)
_INFINITY: Final = int.from_bytes(INFINITY)
"""On the wire it is 0; every other time is counted from the one before it, plus 1."""
_SKIP, _DIGEST, _LIST = range(3)


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to say about this range."""

    upper: Bound


@dataclass(frozen=True, slots=True)
class Digest:
    """The fingerprint of what the sender has in this range."""

    upper: Bound
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class IdList:
    """Everything that the sender has in this range."""

    upper: Bound
    ids: tuple[bytes, ...]


Range = Skip | Digest | IdList


class OtherVersion(PeerFault):
    """A message of a version that we do not speak."""


def parse(message: bytes) -> tuple[Range, ...]:
    """Read one message.

    Raises:
        OtherVersion: another version of the protocol; a responder answers with its own.
        PeerFault: too large, cut off, an unknown mode, or bounds that go back.
    """
    if len(message) > NEG_MESSAGE_BYTES:
        raise PeerFault(f"a negentropy message is larger than {NEG_MESSAGE_BYTES} bytes")
    if not message or message[0] not in _VERSIONS:
        raise PeerFault("this is not a negentropy message")
    if message[0] != VERSION:
        raise OtherVersion(f"negentropy version {message[0] - 0x60} is not spoken here")
    ranges = tuple(_Reader(message).ranges())
    for one, two in pairwise(ranges):
        # a reference responder repeats infinity when the frame is full behind its last range
        if two.upper.ljust(TIME_BYTES + ID_BYTES, b"\0") < one.upper:
            raise PeerFault("the bounds of a negentropy message go back")
    return ranges


def write(ranges: Iterable[Range], last: int = 0) -> tuple[bytes, int]:
    """The bytes of ranges that follow a bound at the time `last`, and the time of their own last
    bound, from which the next ones count."""
    out = bytearray()
    for one in ranges:
        time = int.from_bytes(one.upper[:TIME_BYTES])
        prefix = one.upper[TIME_BYTES:]
        out += encode(0 if time == _INFINITY else time - last + 1)
        out += encode(len(prefix)) + prefix
        last = time
        match one:
            case Skip():
                out += encode(_SKIP)
            case Digest(_, fingerprint):
                out += encode(_DIGEST) + fingerprint
            case IdList(_, ids):
                out += encode(_LIST) + encode(len(ids)) + b"".join(ids)
    return bytes(out), last


class _Reader:
    """A cursor over one message."""

    def __init__(self, message: bytes) -> None:
        self._data = message
        self._at = 1
        self._time = 0

    def ranges(self) -> Iterable[Range]:
        while self._at < len(self._data):
            upper = self._bound()
            mode = self._number()
            if mode == _SKIP:
                yield Skip(upper)
            elif mode == _DIGEST:
                yield Digest(upper, self._take(FINGERPRINT_BYTES))
            elif mode == _LIST:
                count = self._number()
                data = self._take(count * ID_BYTES)
                yield IdList(
                    upper, tuple(data[i : i + ID_BYTES] for i in range(0, len(data), ID_BYTES))
                )
            else:
                raise PeerFault(f"negentropy has no mode {mode}")

    def _bound(self) -> Bound:
        step = self._number()
        if step and self._time + step > _INFINITY:
            raise PeerFault("a negentropy bound lies behind infinity")
        self._time = self._time + step - 1 if step else _INFINITY
        length = self._number()
        if length > ID_BYTES:
            raise PeerFault("a negentropy bound is longer than an id")
        return self._time.to_bytes(TIME_BYTES) + self._take(length)

    def _number(self) -> int:
        number, self._at = decode(self._data, self._at)
        return number

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise PeerFault("a negentropy message is cut off")
        taken, self._at = self._data[self._at : end], end
        return taken
