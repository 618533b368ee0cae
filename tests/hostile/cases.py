"""The cases: each replaces one answer of an otherwise harmless peer. Names are what they do."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Mapping

from .peer import NIP11, Answer, Wire
from .script import MB, NIP_KIND, OID, Act


def _pkt(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return f"{len(data) + 4:04x}".encode() + data


def _listing(wire: Wire, lines: list[str]) -> None:
    service = wire.request.path.partition("service=")[2]
    body = _pkt(f"# service={service}\n") + b"0000" + b"".join(map(_pkt, lines)) + b"0000"
    wire.answer(body, f"application/x-{service}-advertisement")


def _refs(*names: str) -> list[str]:
    caps = "\0report-status side-band-64k delete-refs ofs-delta"
    return [f"{OID} {name}{caps if n == 0 else ''}\n" for n, name in enumerate(names)]


def _hang(wire: Wire) -> None:
    time.sleep(600)


def _reset(wire: Wire) -> None:
    wire.socket.close()


def _garbage(wire: Wire) -> None:
    wire.send(b"\x00\xff garbage \r\n\r\n" * 100)


def _drip_head(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nX: ")
    wire.drip(b"a")


def _endless_header_line(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        wire.send(b"a" * 65_536)


def _endless_door_line(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
    while True:
        wire.send(b"a" * 65_536)


def _continues(wire: Wire) -> None:
    wire.drip(b"HTTP/1.1 100 Continue\r\n\r\n", 5)


def _bomb(wire: Wire) -> None:
    wire.answer(gzip.compress(bytes(400 * MB)), NIP_KIND, Content_Encoding="gzip")


def _redirect(wire: Wire) -> None:
    wire.answer(b"", status="302 Found", Location="http://127.0.0.1:1/canary")


def _later(wire: Wire) -> None:
    wire.answer(b"", status="429 Too Many", Retry_After="999999999999")


def _parked(wire: Wire) -> None:
    wire.answer(b"<html>this domain is for sale</html>", "text/html")


def _cookie(wire: Wire) -> None:
    evil = 'a="x\\015\\012X-Injected: yes"; Domain=127.0.0.1; Path=/'
    wire.answer(json.dumps(NIP11).encode(), NIP_KIND, Set_Cookie=evil)


def _notices(wire: Wire) -> None:
    wire.open_socket()
    while True:
        wire.say("NOTICE", "still here")
        time.sleep(5)


def _brackets(wire: Wire) -> None:
    wire.open_socket()
    while True:
        wire.frame(b'["NOTICE",[' + b"[]," * MB + b"[]]]")


def _closed(wire: Wire) -> None:
    wire.open_socket()
    while True:
        match wire.heard():
            case ["REQ", str(name), *_]:
                wire.say("CLOSED", name, "error: not today")


def _junk(wire: Wire) -> None:
    """Events that are none, one after another, and never an end."""
    wire.open_socket()
    name = (wire.heard() or ["", ""])[1]
    while True:
        wire.say("EVENT", name, {"id": "0" * 64, "content": "x" * 1000})


def _large(wire: Wire) -> None:
    """Large events that do not verify: 4 MB each."""
    wire.open_socket()
    name = (wire.heard() or ["", ""])[1]
    while True:
        wire.say("EVENT", name, {"id": "0" * 64, "content": "\U0001f4a5" * (MB // 2)})


def _fragments(wire: Wire) -> None:
    wire.open_socket()
    wire.frame(b'["NOTICE","', last=False)
    while True:
        wire.frame(b"x" * 65_536, 0, last=False)


def _huge_frame(wire: Wire) -> None:
    wire.open_socket()
    wire.send(b"\x81\x7f" + (2**62).to_bytes(8, "big"))
    while True:
        wire.send(b"a" * 65_536)


def _pings(wire: Wire) -> None:
    wire.open_socket()
    while True:
        wire.frame(b"ping", 9)


def _many_refs(wire: Wire) -> None:
    _listing(wire, _refs("refs/heads/main", *(f"refs/heads/x{n}" for n in range(19_990))))


def _slow_listing(wire: Wire) -> None:
    time.sleep(55)
    _listing(wire, _refs("refs/heads/main"))


def _false_refs(wire: Wire) -> None:
    """Refs whose objects it does not have."""
    _listing(wire, _refs("refs/heads/main"))


def _odd_names(wire: Wire) -> None:
    names = ("refs/heads/\x1b[2Jx", "refs/heads/../../etc", "refs/heads/-x", "refs/replace/" + OID)
    _listing(wire, _refs(*names))


_ANSWERS: Mapping[str, Mapping[str, Answer]] = {
    "A1 accepts and hangs": {"accept": _hang},
    "A4 resets each connection": {"accept": _reset},
    "A7 answers garbage": {"accept": _garbage},
    "A2 NIP-11: headers drip": {"nip11": _drip_head},
    "A10 NIP-11: one header line without end": {"nip11": _endless_header_line},
    "A8 NIP-11: 100 Continue for ever": {"nip11": _continues},
    "A13b NIP-11: gzip bomb": {"nip11": _bomb},
    "A36b NIP-11: a cookie for everybody": {"nip11": _cookie},
    "A24b NIP-11: redirect to another place": {"nip11": _redirect},
    "A18b a parked domain": {"nip11": _parked, "refs": _parked, "relay": _parked},
    "A31 429 until the end of time": {"nip11": _later, "refs": _later, "relay": _later},
    "A41 door: one header line without end": {"relay": _endless_door_line},
    "A1b relay: hangs": {"relay": _hang},
    "B64 relay: a NOTICE every 5 s": {"relay": _notices},
    "B65 relay: NOTICEs of brackets": {"relay": _brackets},
    "A81 relay: CLOSED": {"relay": _closed},
    "A85 relay: junk without end": {"relay": _junk},
    "A85b relay: large junk without end": {"relay": _large},
    "A46 relay: fragments without end": {"relay": _fragments},
    "A44 relay: a frame of 2^62 bytes": {"relay": _huge_frame},
    "A48 relay: pings without end": {"relay": _pings},
    "B3 git: 20,000 foreign refs": {"refs": _many_refs},
    "B66 git: a listing that takes 55 s": {"refs": _slow_listing},
    "B13b git: refs without objects": {"refs": _false_refs},
    "B4 git: hostile names": {"refs": _odd_names},
    "A1c git: listing hangs": {"refs": _hang},
    "A24c git: redirect": {"refs": _redirect},
}

_LONG = frozenset({"A8", "A2", "A41", "B3", "B66", "B65", "B64", "A1b", "A48"})
_SILENT = frozenset({"A36b", "A48"})
"""What such a peer does costs nothing, so that there is nothing to say of it."""


def _made(name: str, answers: Mapping[str, Answer]) -> Act:
    number = name.split(" ", maxsplit=1)[0]
    return Act(
        play=lambda _: answers,
        long=number in _LONG,
        named=number not in _SILENT,
        witness=number == "A36b",
    )


ACTS: Mapping[str, Act] = {name: _made(name, answers) for name, answers in _ANSWERS.items()}
