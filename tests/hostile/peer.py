"""A peer of plain sockets: HTTP, WebSocket and git by hand, so that nothing of ours helps it along.

It answers like an empty GRASP server, and a case replaces one of its answers by something worse.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

NIP11 = {"name": "hostile", "software": "hostile", "version": "1", "supported_grasps": ["GRASP-01"]}
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_IDLE_SECONDS = 300.0


@dataclass
class Request:
    """One request's head; `rest` are bytes of its body that came with it."""

    method: str
    path: str
    headers: Mapping[str, str]
    rest: bytes


@dataclass
class Wire:
    """One connection, as an answer sees it."""

    socket: socket.socket
    request: Request
    size: int = 0
    """Bytes of the last message that was heard."""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(
        self, body: bytes, kind: str = "text/plain", status: str = "200 OK", **more: str
    ) -> None:
        """A whole HTTP answer."""
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self.send(f"{head}{extra}\r\n".encode() + body)

    def drip(self, data: bytes, seconds: float = 1.0, count: int = 400) -> None:
        """The same bytes again and again, slowly."""
        for _ in range(count):
            self.send(data)
            time.sleep(seconds)

    def open_socket(self) -> None:
        """Accept a WebSocket."""
        key = self.request.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(
            hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
        ).decode()
        self.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )

    def frame(self, data: bytes, opcode: int = 1, *, last: bool = True) -> None:
        """One unmasked frame."""
        size = len(data)
        head = bytes([(0x80 if last else 0) | opcode])
        if size < 126:
            head += bytes([size])
        elif size < 65_536:
            head += b"\x7e" + struct.pack(">H", size)
        else:
            head += b"\x7f" + struct.pack(">Q", size)
        self.send(head + data)

    def say(self, *items: object) -> None:
        """One relay message."""
        self.frame(json.dumps(items).encode())

    def heard(self) -> list[object] | None:
        """The next message of the client; None for anything that is no text."""
        first, second = self._exactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._exactly(8))
        self.size = size
        mask = self._exactly(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(self._exactly(size)))
        if first & 0x0F == 8:
            raise ConnectionError("closed")
        found = json.loads(data) if first & 0x0F == 1 else None
        return found if isinstance(found, list) else None

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("gone")
            data += part
        return data


Answer = Callable[[Wire], None]


def nip11(wire: Wire) -> None:
    wire.answer(json.dumps(NIP11).encode(), "application/nostr+json")


def refs(wire: Wire) -> None:
    wire.answer(b"no such repository", status="404 Not Found")


def push(wire: Wire) -> None:
    wire.answer(b"no such repository", status="404 Not Found")


def relay(wire: Wire) -> None:
    """An empty relay."""
    wire.open_socket()
    while True:
        match wire.heard():
            case ["REQ", str(name), *_]:
                wire.say("EOSE", name)
            case ["EVENT", dict(event)]:
                wire.say("OK", event["id"], True, "")
            case _:
                continue


@dataclass
class Peer:
    """Listens on loopback until closed. `seen` are the heads of all requests."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """End everything: a thread that accepts would hold a port whose number is another's."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(_IDLE_SECONDS)
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError, KeyError, struct.error):
            if accept := self.answers.get("accept"):
                accept(Wire(connection, Request("", "", {}, b"")))
                return
            while request := _read(connection):
                self.seen.append(request)
                self._answer(Wire(connection, request))

    def _answer(self, wire: Wire) -> None:
        default: Mapping[str, Answer] = {"nip11": nip11, "refs": refs, "push": push, "relay": relay}
        if "upgrade" in wire.request.headers:
            name = "relay"
        elif wire.request.method == "POST":
            name = "push"
        else:
            name = "refs" if "info/refs" in wire.request.path else "nip11"
        (self.answers.get(name) or default[name])(wire)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return None
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return Request(method, path, {n.strip().lower(): v.strip() for n, _, v in pairs}, rest)
