"""What cases are made of: a scene with its people, and the answers that several cases share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nostr_sdk

from tests.kit.outsiders import JsonEvent, Outsider
from tests.kit.program import Case

from .peer import Answer, Peer, Wire

MB = 2**20
OID = "a" * 40
ZERO = "0" * 40
NIP_KIND = "application/nostr+json"
Answers = Mapping[str, Answer]


@dataclass
class Scene:
    """Two healthy servers (`one` has the repository), the hostile peer, and an honest witness."""

    case: Case
    peer: Peer
    witness: Peer
    notes: dict[str, str] = field(default_factory=dict)
    """What a judge must remember from before the run."""

    @property
    def folder(self) -> Path:
        return self.case.folder

    @property
    def now(self) -> int:
        return self.case.now

    @cached_property
    def owner(self) -> Outsider:
        """The owner, signing with nostr-sdk."""
        return Outsider("alice", keys=nostr_sdk.Keys.parse(self.case.owner.nsec()))

    @cached_property
    def hosts(self) -> list[str]:
        """`host:port` of the healthy servers and of the hostile one."""
        places = [server.url for server in self.case.servers.values()] + [self.peer.url]
        return [url.removeprefix("http://") for url in places]


@dataclass(frozen=True, kw_only=True)
class Act:
    """One case. `play` gives the answers that the hostile peer replaces.

    `reaches` is a word of a request's path or method that the peer must have seen, or else the
    case proves nothing. `named`: the report must name the peer. `says`: words it must hold.
    `judge` sees more: an empty text when all is well. `long`: more than half a minute.
    """

    play: Callable[[Scene], Answers]
    reaches: str = ""
    named: bool = True
    says: str = ""
    long: bool = False
    signer: bool = False
    witness: bool = False
    """An honest, empty peer is listed besides, which keeps what it was sent."""
    codes: frozenset[int] = frozenset()
    """Exit codes that are right; any but 1 where empty."""
    judge: Callable[[Scene], str] = field(default=lambda _: "")
    paced: bool = False
    """With the throttle that holds where nobody set one."""
    alike: bool = True
    """The healthy servers must be equal in the end."""
    args: tuple[str, ...] = ()
    """More words of the call."""
    wrap: str = ""
    """A shell command that runs the program as "$@"."""


def fixed(**answers: Answer) -> Callable[[Scene], Answers]:
    """The same answers for everybody."""
    return lambda _: answers


def raw(data: bytes) -> Answer:
    """These bytes, then the end of the connection."""

    def say(wire: Wire) -> None:
        wire.send(data)
        raise ConnectionError

    return say


def endless(head: bytes, again: bytes) -> Answer:
    """A head, and then the same for ever, as fast as it is read."""

    def say(wire: Wire) -> None:
        wire.send(head)
        many = again * (65_536 // len(again) or 1)
        while True:
            wire.send(many)

    return say


def dripping(head: bytes, again: bytes, seconds: float = 1.0) -> Answer:
    """A head, and then the same now and then."""

    def say(wire: Wire) -> None:
        wire.send(head)
        wire.drip(again, seconds)

    return say


def pkt(text: str | bytes) -> bytes:
    """One pkt-line (git: protocol-common)."""
    data = text.encode() if isinstance(text, str) else text
    return f"{len(data) + 4:04x}".encode() + data


def band(number: int, data: bytes) -> bytes:
    """Data as side-band packets."""
    parts = (data[n : n + 65_515] for n in range(0, len(data), 65_515))
    return b"".join(pkt(bytes([number]) + part) for part in parts)


def listing(refs: Mapping[str, str], *, more: str = "") -> Answer:
    """An honest-looking advertisement of these refs, for both services."""

    def say(wire: Wire) -> None:
        caps = f"report-status side-band-64k delete-refs ofs-delta object-format=sha1{more}"
        pairs = [(oid, name) for name, oid in refs.items()] or [(ZERO, "capabilities^{}")]
        lines = [
            pkt(f"{oid} {name}\0{caps}\n" if n == 0 else f"{oid} {name}\n")
            for n, (oid, name) in enumerate(pairs)
        ]
        advertise(wire, b"".join(lines) + b"0000")

    return say


def advertise(wire: Wire, body: bytes) -> None:
    """This body after the service's own line."""
    service = wire.request.path.partition("service=")[2]
    head = pkt(f"# service={service}\n") + b"0000"
    wire.answer(head + body, f"application/x-{service}-advertisement")


def advertised(body: bytes) -> Answer:
    """This body after the service's own line, for every repository."""
    return lambda wire: advertise(wire, body)


def result(body: bytes) -> Answer:
    """The answer to a POST of git."""

    def say(wire: Wire) -> None:
        take_body(wire)
        service = wire.request.path.rpartition("/")[2]
        wire.answer(body, f"application/x-{service}-result")

    return say


def take_body(wire: Wire) -> None:
    """Read the request's body to its end, so that closing resets nothing."""
    if wire.request.headers.get("transfer-encoding") == "chunked":
        seen = wire.request.rest
        while not seen.endswith(b"0\r\n\r\n"):
            seen = seen[-4:] + (part := wire.socket.recv(65_536))
            if not part:
                raise ConnectionError
        return
    left = int(wire.request.headers.get("content-length", "0")) - len(wire.request.rest)
    while left > 0 and (part := wire.socket.recv(min(left, 65_536))):
        left -= len(part)


Reply = Callable[[Wire, JsonEvent], bool]
"""What a relay does with an EVENT; whether it is kept."""


def ok(wire: Wire, event: JsonEvent) -> bool:
    wire.say("OK", event["id"], True, "")
    return True


def relay_of(
    events: Iterable[JsonEvent] = (),
    *,
    reply: Reply = ok,
    cap: int = 500,
    loops: bool = False,
    hear: Callable[[int], None] = lambda _: None,
) -> Answer:
    """A relay that serves these events and what it is sent; `loops`: it never heeds `until`.
    `hear` is told the bytes of each message."""
    kept = {e["id"]: e for e in events}
    lock = threading.Lock()

    def say(wire: Wire) -> None:
        wire.open_socket()
        while True:
            message = wire.heard()
            hear(wire.size)
            match message:
                case ["REQ", str(name), *filters]:
                    with lock:
                        found = [e for e in kept.values() for f in filters
                                 if isinstance(f, dict) and matches(f, e, loops=loops)]  # fmt: skip
                    found.sort(key=lambda e: (-e["created_at"], e["id"]))
                    for event in found[:cap]:
                        wire.say("EVENT", name, event)
                    wire.say("EOSE", name)
                case ["EVENT", dict(event)]:
                    if reply(wire, event):
                        with lock:
                            kept[event["id"]] = event

    return say


def matches(wanted: Mapping[str, object], event: JsonEvent, *, loops: bool = False) -> bool:
    """NIP-01's filters, as far as the program uses them."""
    for key, value in wanted.items():
        values = value if isinstance(value, list) else [value]
        if key in ("ids", "authors", "kinds"):
            good = event[{"ids": "id", "authors": "pubkey", "kinds": "kind"}[key]] in values
        elif key.startswith("#"):
            good = any(t[0] == key[1:] and t[1] in values for t in event["tags"] if len(t) > 1)
        elif key == "until" and isinstance(value, int):
            good = loops or event["created_at"] <= value
        elif key == "since" and isinstance(value, int):
            good = event["created_at"] >= value
        else:
            good = True
        if not good:
            return False
    return True
