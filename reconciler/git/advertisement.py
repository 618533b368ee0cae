"""The ref advertisement of `info/refs?service=…`, protocol v0 (git: gitprotocol-http, -pack)."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.git.pktline import FLUSH, Packet, Special, parse_all
from reconciler.limits import ADVERT_REFS

ZERO = "0" * 40
UPLOAD = "git-upload-pack"
RECEIVE = "git-receive-pack"
PEELED = "^{}"
"""Ends the name of an entry that says what an annotated tag points to."""


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a server says it holds: (name, object id) sorted by name, peeled entries left out.

    `head` is the branch that HEAD names, where the server says so (`symref` capability); `peeled`
    what annotated tags point to, by the tag's name.
    """

    refs: tuple[tuple[str, str], ...]
    capabilities: frozenset[str]
    head: str | None
    peeled: tuple[tuple[str, str], ...] = ()


def parse(body: bytes, service: str) -> Advertisement:
    """Read a whole answer to `info/refs?service=<service>`.

    An answer without capabilities is legal for an empty repository (khatru sends that).

    Raises:
        PeerFault: another service, an ERR line, a malformed line, or no final flush: such a
            listing is incomplete and says nothing about what is absent.
    """
    packets = parse_all(body)
    lines = _lines(packets, service)
    refs: dict[str, str] = {}
    capabilities: frozenset[str] = frozenset()
    for number, line in enumerate(lines):
        text, separator, rest = line.partition(b"\0")
        if number == 0 and separator:
            capabilities = frozenset(rest.decode("utf-8", "replace").split())
        oid, _, name = text.partition(b" ")
        _check_oid(oid)
        if not name:
            raise PeerFault("the advertisement holds a line without a ref name")
        refs[_name(name)] = oid.decode()
    for decoration in ("capabilities^{}", "HEAD", ".have"):  # .have: objects of an alternate
        refs.pop(decoration, None)
    if len(refs) > ADVERT_REFS:
        raise PeerFault(f"the server advertises more than {ADVERT_REFS} refs")
    kept = {name: oid for name, oid in refs.items() if not name.endswith(PEELED)}
    points = {n.removesuffix(PEELED): oid for n, oid in refs.items() if n.endswith(PEELED)}
    return Advertisement(
        tuple(sorted(kept.items())),
        capabilities,
        _head(capabilities),
        tuple(sorted(points.items())),
    )


def _lines(packets: tuple[Packet, ...], service: str) -> list[bytes]:
    """The ref lines: between the service header's flush and the final flush."""
    if not packets or packets[0] != f"# service={service}\n".encode():
        raise PeerFault(_refusal(packets) or f"not an advertisement of {service}")
    # two flushes: one alone would read as an empty repository when the answer is cut behind it
    if len(packets) < 3 or packets[1] is not FLUSH or packets[-1] is not FLUSH:
        raise PeerFault("the advertisement has no final flush, so it is incomplete")
    body = packets[2:-1]
    lines = [p.rstrip(b"\n") for p in body if not isinstance(p, Special)]
    if len(lines) != len(body):
        raise PeerFault("the advertisement holds a mark between its refs")
    if refusal := _refusal(tuple(lines)):
        raise PeerFault(refusal)
    return [line for line in lines if not line.startswith(b"shallow ")]


def _refusal(packets: tuple[Packet, ...]) -> str | None:
    first = packets[0] if packets else b""
    if isinstance(first, bytes) and first.startswith(b"ERR "):
        return "the server says: " + first[4:].decode("utf-8", "replace").strip()
    return None


def _check_oid(oid: bytes) -> None:
    if len(oid) != 40 or oid.strip(b"0123456789abcdef"):
        raise PeerFault("the advertisement holds a line without an object id")


def _name(name: bytes) -> str:
    """Ref names are bytes to git. One that is not UTF-8 cannot stand in a state event."""
    return name.decode("utf-8", "surrogateescape")


def _head(capabilities: frozenset[str]) -> str | None:
    """Raises PeerFault: it names several. git 2.39 follows such a list until its memory ends, so
    that nothing may be fetched from who sends it."""
    named = [c.removeprefix("symref=HEAD:") for c in capabilities if c.startswith("symref=HEAD:")]
    if len(named) > 1:
        raise PeerFault(f"the advertisement says {len(named)} times what HEAD names")
    return named[0] if named else None
