"""A: HTTP and the WebSocket door, byte by byte."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace

from .peer import Wire
from .script import MB, NIP_KIND, Act, dripping, endless, fixed, raw

_OK = b"HTTP/1.1 200 OK\r\n"
_DOOR = b"HTTP/1.1 101 Switching Protocols\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_PLACES = {
    "A19": ("301", "http://127.0.0.1:1/canary"),
    "A20": ("302", "file:///etc/passwd"),
    "A21": ("303", "http://169.254.169.254/latest/meta-data/"),
    "A22": ("307", "//127.0.0.1:1/"),
    "A23": ("308", "https://127.0.0.1:1/"),
}
_STATUS = {
    "A25": "401 Unauthorized", "A26": "403 Forbidden", "A27": "410 Gone",
    "A28": "413 Too Large", "A29": "500 Oops", "A30": "503 Busy",
}  # fmt: skip
_LATER = {"A32": "-5", "A33": "Fri, 31 Dec 9999 23:59:59 GMT"}


def _status(status: str, *lines: str, body: bytes = b"") -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines))
    return head.encode() + b"\r\n\r\n" + body


def _everywhere(data: bytes) -> Act:
    said = raw(data)
    return Act(play=fixed(nip11=said, refs=said, relay=said))


def _refs(data: bytes) -> Act:
    return Act(play=fixed(refs=raw(data)), reaches="info/refs")


def _door(data: bytes) -> Act:
    return Act(play=fixed(relay=raw(data)))


def _layers(data: bytes, count: int) -> bytes:
    for _ in range(count):
        data = gzip.compress(data)
    return data


def _zipped(count: int, status: str = "200 OK") -> bytes:
    body = _layers(bytes(200 * MB), count)
    kind = "Content-Type: application/x-git-upload-pack-advertisement"
    return _status(status, kind, "Content-Encoding: " + ", ".join(["gzip"] * count), body=body)


def _half_closed(wire: Wire) -> None:
    wire.socket.shutdown(1)
    wire.socket.recv(1)


def _huge_cookies(wire: Wire) -> None:
    lines = "".join(f"Set-Cookie: c{n}={'y' * 3000}; Domain=127.0.0.1\r\n" for n in range(20))
    wire.send(f"HTTP/1.1 403 No\r\n{lines}Content-Length: 0\r\n\r\n".encode())


def _cookie(value: str) -> Act:
    head = f"HTTP/1.1 403 No\r\nSet-Cookie: {value}; Domain=127.0.0.1; Path=/\r\n"
    return replace(_everywhere(head.encode() + b"Content-Length: 0\r\n\r\n"), witness=True)


ACTS: Mapping[str, Act] = {
    "A3 info/refs: the body drips": Act(
        play=fixed(refs=dripping(_OK + b"Content-Length: 999\r\n\r\n", b"0")), long=True
    ),
    "A5 reset instead of info/refs": _refs(b""),
    "A6 half-close after accept": Act(play=fixed(accept=_half_closed)),
    "A9 headers without end": Act(play=fixed(nip11=endless(_OK, b"X-A: b\r\n"))),
    "A11 chunks of one byte without end": Act(
        play=fixed(refs=dripping(_CHUNKED, b"1\r\n0\r\n", 0.05)), long=True
    ),
    "A12 a chunk's extension without end": Act(play=fixed(refs=endless(_CHUNKED + b"1;", b"x"))),
    "A13 info/refs: gzip bomb": _refs(_zipped(1)),
    "A14 info/refs: gzip bomb in four layers": _refs(_zipped(4)),
    "A15 Content-Length far too large": _refs(_OK + b"Content-Length: 99999999999\r\n\r\nabc"),
    "A16 Content-Length too small": _refs(_OK + b"Content-Length: 2\r\n\r\n001e# service=git"),
    "A17 negative and double Content-Length": _refs(
        _OK + b"Content-Length: -1\r\nContent-Length: 7\r\n\r\n0000000"
    ),
    "A18 info/refs: 200 with HTML": _refs(
        _status("200 OK", "Content-Type: text/html", body=b"<html>hello</html>")
    ),
    "A34 gzip bomb as the page of a 500": _refs(_zipped(1, "500 Oops")),
    "A35 cookie for another server": _cookie("a=b"),
    "A36 cookie with header lines in it": _cookie('a="x\\015\\012X-Injected: yes"'),
    "A37 cookies of 60 kB": Act(
        play=fixed(nip11=_huge_cookies, refs=_huge_cookies, relay=_huge_cookies), witness=True
    ),
    "A38 door: 200": _door(_status("200 OK", f"Content-Type: {NIP_KIND}", body=b"{}")),
    "A39 door: wrong Sec-WebSocket-Accept": _door(
        _DOOR + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"
    ),
    "A40 door: 302, then frames": _door(
        b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n\x81\x05[\"a\"]"
    ),
    "A42 door: header lines without end": Act(play=fixed(relay=endless(_DOOR, b"X-A: b\r\n"))),
    "A43 door: 403 with a body without end": Act(
        play=fixed(relay=endless(b"HTTP/1.1 403 No\r\nContent-Length: 99999999999\r\n\r\n", b"x"))
    ),
    "A2b door: headers drip": Act(play=fixed(relay=dripping(_DOOR + b"X: ", b"a"))),
    **{
        f"{n} {code} to {place}": _everywhere(_status(f"{code} Found", f"Location: {place}"))
        for n, (code, place) in _PLACES.items()
    },
    **{f"{n} info/refs: {status}": _refs(_status(status)) for n, status in _STATUS.items()},
    **{
        f"{n} 429 with Retry-After: {when}": _everywhere(
            _status("429 Too Many", f"Retry-After: {when}")
        )
        for n, when in _LATER.items()
    },
}  # fmt: skip
