"""pkt-lines (git: gitprotocol-common): four hex digits of length, then the payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from reconciler.errors import PeerFault
from reconciler.limits import PKT_BYTES


class Special(Enum):
    """Lengths below four are not payloads but marks."""

    FLUSH = b"0000"
    DELIM = b"0001"
    RESPONSE_END = b"0002"


FLUSH = Special.FLUSH
Packet = bytes | Special

_HEX = b"0123456789abcdefABCDEF"
_SPECIALS = {mark.value: mark for mark in Special}


def encode(payload: bytes) -> bytes:
    """One pkt-line with this payload (65,516 bytes at most)."""
    if len(payload) + 4 > PKT_BYTES:
        raise ValueError("payload is too long for one pkt-line")
    return b"%04x" % (len(payload) + 4) + payload


def encode_all(packets: Iterable[Packet]) -> bytes:
    """A sequence of payloads and marks."""
    return b"".join(p.value if isinstance(p, Special) else encode(p) for p in packets)


class Parser:
    """Turns bytes, however they are cut, into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take more bytes; yield the packets that are now whole.

        Raises:
            PeerFault: a length that is not hex, is 3, or is over the limit.
        """
        self._buffer += data
        while (packet := self._next()) is not None:
            yield packet

    @property
    def rest(self) -> bytes:
        """Bytes that do not make a whole packet yet."""
        return bytes(self._buffer)

    def _next(self) -> Packet | None:
        if len(self._buffer) < 4:
            return None
        head = bytes(self._buffer[:4])
        if head in _SPECIALS:
            del self._buffer[:4]
            return _SPECIALS[head]
        length = _length(head)
        if len(self._buffer) < length:
            return None
        payload = bytes(self._buffer[4:length])
        del self._buffer[:length]
        return payload


def parse_all(data: bytes) -> tuple[Packet, ...]:
    """All packets of a complete message.

    Raises:
        PeerFault: as `Parser.feed`, or the message ends inside a packet.
    """
    parser = Parser()
    packets = tuple(parser.feed(data))
    if parser.rest:
        raise PeerFault("the answer ends in the middle of a pkt-line")
    return packets


def split(data: bytes) -> tuple[tuple[Packet, ...], bytes]:
    """Packets up to and with the first flush, and the bytes behind it (a pack, for example).

    Raises:
        PeerFault: as `Parser.feed`, or there is no flush.
    """
    packets: list[Packet] = []
    position = 0
    while position + 4 <= len(data):
        head = data[position : position + 4]
        if head == FLUSH.value:
            return (*packets, FLUSH), data[position + 4 :]
        if head in _SPECIALS:
            packets.append(_SPECIALS[head])
            position += 4
            continue
        length = _length(head)
        if position + length > len(data):
            break
        packets.append(data[position + 4 : position + length])
        position += length
    raise PeerFault("the request has no flush packet")


def _length(head: bytes) -> int:
    # int() alone would read signs, spaces, underscores and `0x1f`
    length = -1 if head.strip(_HEX) else int(head, 16)
    if not 4 <= length <= PKT_BYTES:
        raise PeerFault("a pkt-line has an impossible length")
    return length
