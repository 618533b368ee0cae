"""One push, as values: the request that we send and the answer that we read, and the request as a
server reads it (git: gitprotocol-pack "Pushing Data", gitprotocol-http "git-receive-pack").

    commands ── pkt-lines, flush ── pack ──▶
                                  ◀── report-status, perhaps inside side-band-64k
                                  ◀── or one ERR line (ngit-grasp refuses like that, with HTTP 200)
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.git import pktline
from reconciler.git.advertisement import ZERO
from reconciler.git.pktline import FLUSH, Packet, Special
from reconciler.limits import PEER_TEXT_CHARS, REF_BYTES

AGENT = "agent=grasp-reconciler"


@dataclass(frozen=True, slots=True, order=True)
class RefUpdate:
    """One ref from `old` to `new`; ZERO means absent. `old` is the write's precondition."""

    name: str
    old: str
    new: str

    @property
    def deletes(self) -> bool:
        """Does it remove the ref?"""
        return self.new == ZERO

    @property
    def creates(self) -> bool:
        """Does it make a ref that was absent?"""
        return self.old == ZERO


@dataclass(frozen=True, slots=True)
class PushReport:
    """The server's words: `unpack` is "ok" or an error; `refused` pairs names with reasons.

    None for `unpack` means that the server gave no report (khatru's first push): only a new
    listing tells what happened.
    """

    unpack: str | None
    accepted: frozenset[str]
    refused: tuple[tuple[str, str], ...]
    chatter: str = ""


def request_head(updates: tuple[RefUpdate, ...], offered: frozenset[str]) -> bytes:
    """Commands and flush; the pack follows, unless every command deletes.

    Args:
        updates: what to change, all in one request.
        offered: the server's capabilities; only those are used. `atomic` is asked for when it is
            offered, so that half a push cannot stay behind.
    """
    wanted = {"report-status", "side-band-64k", "atomic", "ofs-delta", "delete-refs"} & offered
    capabilities = " ".join([*sorted(wanted), "object-format=sha1", AGENT])
    if not any(c.startswith("object-format") for c in offered):
        capabilities = " ".join([*sorted(wanted), AGENT])
    lines: list[Packet] = []
    for number, update in enumerate(updates):
        line = f"{update.old} {update.new} {update.name}".encode("utf-8", "surrogateescape")
        lines.append(line + b"\0 " + capabilities.encode() if number == 0 else line)
    return pktline.encode_all([*lines, FLUSH])


def parse_request(body: bytes) -> tuple[tuple[RefUpdate, ...], frozenset[str], bytes]:
    """The commands, the client's capabilities and the pack, as a server reads them.

    Raises:
        PeerFault: no flush, or a command with the wrong shape.
    """
    packets, pack = pktline.split(body)
    updates = []
    capabilities: frozenset[str] = frozenset()
    for packet in packets[:-1]:
        if isinstance(packet, Special):
            raise PeerFault("a mark stands between the push commands")
        text, separator, rest = packet.rstrip(b"\n").partition(b"\0")
        if separator:
            capabilities = frozenset(rest.decode("utf-8", "replace").split())
        if text.startswith((b"shallow ", b"push-cert")):
            raise PeerFault("shallow and signed pushes are not supported")
        updates.append(_command(text))
    return tuple(updates), capabilities, pack


def parse_report(body: bytes) -> PushReport:
    """Read the answer to a push.

    Raises:
        PeerFault: an ERR line (its text is the message), a fatal side-band message, or garbage.
    """
    packets = pktline.parse_all(body)
    if not packets:
        return PushReport(None, frozenset(), ())
    if isinstance(packets[0], bytes) and packets[0].startswith(b"ERR "):
        raise PeerFault(_text(packets[0][4:]))
    if _is_sideband(packets[0]):
        return _from_sideband(packets)
    return _status(packets, "")


def _is_sideband(packet: Packet) -> bool:
    return isinstance(packet, bytes) and packet[:1] in (b"\1", b"\2", b"\3")


def _from_sideband(packets: tuple[Packet, ...]) -> PushReport:
    data, chatter = bytearray(), bytearray()
    for packet in packets:
        if isinstance(packet, Special):
            continue
        if packet[:1] == b"\3":
            raise PeerFault(_text(packet[1:]))
        (data if packet[:1] == b"\1" else chatter).extend(packet[1:])
    inner = pktline.parse_all(bytes(data))
    return _status(inner, _text(bytes(chatter)))


def _status(packets: tuple[Packet, ...], chatter: str) -> PushReport:
    unpack: str | None = None
    accepted: set[str] = set()
    refused: list[tuple[str, str]] = []
    for packet in packets:
        if isinstance(packet, Special):
            continue
        word, _, rest = packet.rstrip(b"\n").partition(b" ")
        if word == b"unpack":
            unpack = _text(rest)
        elif word == b"ok":
            accepted.add(rest.decode("utf-8", "surrogateescape"))
        elif word == b"ng":
            name, _, reason = rest.partition(b" ")
            shown = name[:REF_BYTES].decode("utf-8", "surrogateescape")
            refused.append((shown, _text(reason)))
        elif word != b"option":
            raise PeerFault("the server's push report has an unknown line")
    return PushReport(unpack, frozenset(accepted), tuple(refused), chatter)


def _command(text: bytes) -> RefUpdate:
    parts = text.split(b" ", 2)
    if len(parts) != 3 or not all(_is_oid(part) for part in parts[:2]) or not parts[2]:
        raise PeerFault("a push command is not `old new name`")
    old, new, name = parts
    return RefUpdate(name.decode("utf-8", "surrogateescape"), old.decode(), new.decode())


def _is_oid(part: bytes) -> bool:
    return len(part) == 40 and not part.strip(b"0123456789abcdef")


def _text(data: bytes) -> str:
    """For people: a server may say megabytes."""
    return data[: 4 * PEER_TEXT_CHARS].decode("utf-8", "replace").strip()[:PEER_TEXT_CHARS]
