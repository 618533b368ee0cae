"""The cases: each replaces one answer of an otherwise harmless peer. Names are what they do."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Mapping

from .peer import NIP11, Answer, Wire

MB = 2**20
OID = "a" * 40


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


def _chatter(wire: Wire) -> None:
    """Side-band progress instead of a pack, as fast as it is read."""
    wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    packet = _pkt(b"\x02" + b"chatter " * 8_000)
    while True:
        wire.send(f"{len(packet):x}\r\n".encode() + packet + b"\r\n")


def _trickle(wire: Wire) -> None:
    wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    packet = _pkt(b"\x02" + b"x" * 3_000)
    wire.drip(f"{len(packet):x}\r\n".encode() + packet + b"\r\n", 1)


NIP_KIND = "application/nostr+json"
Case = Mapping[str, Answer]
CASES: Mapping[str, Case] = {
    "accepts and hangs": {"accept": _hang},
    "resets each connection": {"accept": _reset},
    "answers garbage": {"accept": _garbage},
    "NIP-11: headers drip": {"nip11": _drip_head},
    "NIP-11: one header line without end": {"nip11": _endless_header_line},
    "NIP-11: 100 Continue for ever": {"nip11": _continues},
    "NIP-11: gzip bomb": {"nip11": _bomb},
    "NIP-11: a cookie for everybody": {"nip11": _cookie},
    "NIP-11: redirect to another place": {"nip11": _redirect},
    "a parked domain": {"nip11": _parked, "refs": _parked, "relay": _parked},
    "429 until the end of time": {"nip11": _later, "refs": _later, "relay": _later},
    "door: one header line without end": {"relay": _endless_door_line},
    "relay: hangs": {"relay": _hang},
    "relay: a NOTICE every 5 s": {"relay": _notices},
    "relay: NOTICEs of brackets": {"relay": _brackets},
    "relay: CLOSED": {"relay": _closed},
    "relay: junk without end": {"relay": _junk},
    "relay: large junk without end": {"relay": _large},
    "relay: fragments without end": {"relay": _fragments},
    "relay: a frame of 2^62 bytes": {"relay": _huge_frame},
    "relay: pings without end": {"relay": _pings},
    "git: 20,000 foreign refs": {"refs": _many_refs},
    "git: a listing that takes 55 s": {"refs": _slow_listing},
    "git: refs without objects": {"refs": _false_refs},
    "git: hostile names": {"refs": _odd_names},
    "git: listing hangs": {"refs": _hang},
    "git: fetch answered with chatter": {"refs": _false_refs, "push": _chatter},
    "git: fetch that trickles": {"refs": _false_refs, "push": _trickle},
    "git: redirect": {"refs": _redirect},
}
