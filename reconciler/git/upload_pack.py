"""One fetch, as values: the request that we send and the answer that we read (git: gitprotocol-pack
"Packfile Negotiation", gitprotocol-http "git-upload-pack", protocol v0).

    wants, flush, haves, done ──▶
                              ◀── ACK or NAK, then the pack, inside side-band-64k or plain
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import PeerFault
from reconciler.git import pktline
from reconciler.git.pktline import FLUSH, Packet
from reconciler.git.receive_pack import AGENT
from reconciler.limits import CHILD_CHATTER_BYTES, PEER_TEXT_CHARS


def request(wants: Iterable[str], haves: Iterable[str], offered: frozenset[str]) -> bytes:
    """Everything in one message: the answer is the pack.

    Args:
        wants: object ids that the server offers.
        haves: object ids whose objects need not be sent; those that the server lacks are ignored.
        offered: the server's capabilities; only those are used.
    """
    wanted = sorted({"side-band-64k", "ofs-delta", "thin-pack", "no-progress"} & offered)
    agent = [AGENT] if any(c.startswith("agent=") for c in offered) else []
    first, *others = sorted(wants)
    lines: list[Packet] = [" ".join([f"want {first}", *wanted, *agent]).encode() + b"\n"]
    lines += [f"want {oid}\n".encode() for oid in others]
    known: list[Packet] = [f"have {oid}\n".encode() for oid in sorted(haves)]
    return pktline.encode_all([*lines, FLUSH, *known, b"done\n"])


class Answer:
    """Reads the answer as it comes, and lets the pack through."""

    def __init__(self) -> None:
        self._rest = b""
        self._plain = False
        self._over = False
        self._packed = 0
        self._chatter = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes of the pack that are in what came now; perhaps none.

        Raises:
            PeerFault: the server refuses, says too much, or breaks the protocol.
        """
        data = self._rest + data
        found: list[bytes] = []
        position = 0
        while not (self._plain or self._over):
            if not self._packed and data[position : position + 4] == b"PACK":  # nothing is wrapped
                self._plain = True
                break
            packet, position = pktline.packet_at(data, position)
            if packet is None:
                break
            found.append(self._part(packet))
        if self._plain:
            self._packed += len(data) - position
            found.append(data[position:])
            position = len(data)
        self._rest = b"" if self._over else data[position:]
        return b"".join(found)

    def end(self) -> None:
        """Nothing more comes. Whether the pack is whole, its reader finds out.

        Raises:
            PeerFault: no pack came.
        """
        if not self._packed:
            raise PeerFault("the server sent no pack")

    def _part(self, packet: Packet) -> bytes:
        if packet is FLUSH:
            # one stands also where a server says nothing but that it has nothing to say
            self._over = True
            return b""
        if not isinstance(packet, bytes):
            raise PeerFault("the answer holds a mark that protocol v0 does not have")
        band, text = packet[:1], packet[1:]
        if band == b"\1":
            self._packed += len(text)
            return text
        if band == b"\2":
            self._chatter += len(text)
            if self._chatter > CHILD_CHATTER_BYTES:
                raise PeerFault(
                    f"the server sent more than {CHILD_CHATTER_BYTES >> 20} MB of chatter"
                )
            return b""
        if band == b"\3":
            raise PeerFault(f"the server says: {_text(text)}")
        if packet.startswith(b"ERR "):
            raise PeerFault(f"the server says: {_text(packet[4:])}")
        if self._packed or not packet.startswith((b"ACK ", b"NAK")):
            raise PeerFault("the answer to a fetch has an unknown line")
        return b""


def _text(data: bytes) -> str:
    """For people: a server may say 64 kB."""
    return data[: 4 * PEER_TEXT_CHARS].decode("utf-8", "replace").strip()[:PEER_TEXT_CHARS]
