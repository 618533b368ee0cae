"""Listings of refs with too few of them, and no word about it: the fault `capped-refs`.

Both forms that git asks for: the advertisement (protocol v0) and the answer to `ls-refs` (v2).
"""

from __future__ import annotations

from typing import Final

from reconciler.git import pktline
from reconciler.git.pktline import Packet

_LS_REFS: Final = b"command=ls-refs"
COMMAND_BYTES: Final = 64
"""So much of a request's body says which command it is."""


def lists_refs(body: bytes) -> bool:
    """Does a git-upload-pack request, of which this is the beginning, ask for refs (v2)?"""
    return body[4:].startswith(_LS_REFS)


def capped(listing: bytes, most: int) -> bytes:
    """The listing with its first `most` refs, at least one: the first line of v0 carries the
    server's capabilities. HEAD and what tags point to go uncounted.

    Raises:
        PeerFault: it is no sequence of pkt-lines.
    """
    kept: list[Packet] = []
    left = max(1, most)
    for packet in pktline.parse_all(listing):
        name = _ref(packet)
        if name and not name.endswith(b"^{}"):
            left -= 1
        if not name or left >= 0:
            kept.append(packet)
    return pktline.encode_all(kept)


def _ref(packet: Packet) -> bytes:
    """The ref that a line is about; nothing for HEAD, marks and headers."""
    if not isinstance(packet, bytes):
        return b""
    words = packet.split(b"\0")[0].split()
    return words[1] if len(words) > 1 and words[1].startswith(b"refs/") else b""
