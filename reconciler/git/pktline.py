"""pkt-lines (git: gitprotocol-common): four hex digits of length, then the payload."""

from __future__ import annotations

from collections.abc import Iterable
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


def parse_all(data: bytes) -> tuple[Packet, ...]:
    """All packets of a complete message.

    Raises:
        PeerFault: a length that is not hex, is 3, or is over the limit; or the message ends inside
            a packet.
    """
    packets: list[Packet] = []
    position = 0
    while position < len(data):
        packet, position = packet_at(data, position)
        if packet is None:
            raise PeerFault("the answer ends in the middle of a pkt-line")
        packets.append(packet)
    return tuple(packets)


def split(data: bytes) -> tuple[tuple[Packet, ...], bytes]:
    """Packets up to and with the first flush, and the bytes behind it (a pack, for example).

    Raises:
        PeerFault: as `parse_all`, or there is no flush.
    """
    packets: list[Packet] = []
    position = 0
    while True:
        packet, position = packet_at(data, position)
        if packet is None:
            raise PeerFault("the request has no flush packet")
        packets.append(packet)
        if packet is FLUSH:
            return tuple(packets), data[position:]


def packet_at(data: bytes, position: int) -> tuple[Packet | None, int]:
    """The packet that starts here, None where it is not whole, and where the next one starts.

    Raises:
        PeerFault: a length that is not hex, is 3, or is over the limit.
    """
    head = data[position : position + 4]
    if len(head) < 4:
        return None, position
    if head in _SPECIALS:
        return _SPECIALS[head], position + 4
    end = position + _length(head)
    return (data[position + 4 : end], end) if end <= len(data) else (None, position)


def _length(head: bytes) -> int:
    # int() alone would read signs, spaces, underscores and `0x1f`
    length = -1 if head.strip(_HEX) else int(head, 16)
    if not 4 <= length <= PKT_BYTES:
        raise PeerFault("a pkt-line has an impossible length")
    return length
