"""Peers for the edge's tests: real listeners on loopback that say what a test wants said."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reconciler.edge.allowance import Allowance, Allowances, Ration
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.http import Http
from reconciler.edge.line import Line
from reconciler.edge.relay import RelayClient
from reconciler.limits import READ_SECONDS, RELAY_IDLE_SECONDS, SERVER_KEPT_BYTES
from reconciler.nostr import kinds, nip19, urls
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter, parse
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo.authors import Author

LOOPBACK = Egress((ip_network("127.0.0.0/8"),))
Talk = Callable[[socket.socket], None]


class Hasty(Clock):
    """A clock on which nobody waits for a moment: it jumps there. `slept` are the jumps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        super().__init__()

    def now(self) -> float:
        return super().now() + sum(self.slept)

    def until(self, moment: float) -> None:
        self.begin()
        self.slept.append(max(0.0, moment - self.now()))


class Still(Clock):
    """A clock that stands until somebody moves it, and then wakes whoever waits."""

    def __init__(self) -> None:
        self.time = 0.0
        super().__init__()

    def now(self) -> float:
        return self.time

    def jump(self, moment: float) -> None:
        self.time = moment
        self.wake()


def web(*, egress: Egress = LOOPBACK, clock: Clock | None = None, **ration: Any) -> Http:
    """The HTTP client of a run of its own."""
    clock = clock or Hasty()
    return Http(egress, clock, Allowances(clock, Ration(**ration)))


def relay(
    url: str,
    *,
    egress: Egress = LOOPBACK,
    clock: Clock | None = None,
    pace: Callable[[int], int] = lambda events: events,
    cap: int | None = None,
    silence: float = READ_SECONDS,
    idle: float = RELAY_IDLE_SECONDS,
    keeps: int = SERVER_KEPT_BYTES,
    **ration: Any,
) -> RelayClient:
    """A connection to the relay of the server at this URL, of a run of its own. Raises Failure."""
    clock = clock or Hasty()
    allowance = Allowance(clock, Ration(**ration))
    line = Line(urls.relay(url), egress, clock, allowance, silence=silence, idle=idle)
    return RelayClient(line, allowance, pace, cap=cap, keeps=keeps)


TEXT, CLOSE, PING = 1, 8, 9


@dataclass
class Door:
    """A listener. `connections` counts those that were accepted; `seen` what they said."""

    url: str
    connections: int = 0
    seen: list[bytes] = field(default_factory=list)
    open: list[socket.socket] = field(default_factory=list)


@contextmanager
def door(talk: Talk) -> Iterator[Door]:
    """Listen; each connection is handed to `talk` in a thread of its own, and closed after it."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Door(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def one(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError, EOFError):
            talk(connection)

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                found.connections += 1
                found.open.append(connection)
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in found.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def request(connection: socket.socket) -> bytes:
    """One HTTP request: head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.partition(b":")[2]):
                body += _some(connection)
    return head + b"\r\n\r\n" + body


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """One HTTP answer, after which the connection ends."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(*answers: bytes) -> Talk:
    """Answer each connection's request with the next of these; the last one again and again."""
    left = list(answers)

    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return talk


def drip(connection: socket.socket, data: bytes, *, every: float = 0.05) -> None:
    """A byte now and then, for ever if the reader lets it."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(every)


def _some(connection: socket.socket) -> bytes:
    if data := connection.recv(65536):
        return data
    raise EOFError


class Flush:
    """A request body of four bytes."""

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[bytes]:
        yield b"0000"


# --- WebSocket (RFC 6455) --------------------------------------------------------------------


def upgrade(connection: socket.socket, *headers: str, head: bytes | None = None) -> None:
    """The server's half of the opening handshake; `head` is the request, if it was read already."""
    key = next(
        line.split(": ")[1]
        for line in (head or request(connection)).decode().split("\r\n")
        if line.lower().startswith("sec-websocket-key")
    )
    digest = hashlib.sha1(
        f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False
    ).digest()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += headers
    lines.append(f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}")
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")


def frame(payload: bytes, *, kind: int = TEXT, last: bool = True) -> bytes:
    """One unmasked frame."""
    return frame_head(len(payload), kind=kind, last=last) + payload


def frame_head(length: int, *, kind: int = TEXT, last: bool = True) -> bytes:
    """The head of a frame that says it is so long."""
    first = bytes([0x80 * last | kind])
    if length < 126:
        return first + bytes([length])
    if length < 65536:
        return first + bytes([126]) + struct.pack(">H", length)
    return first + bytes([127]) + struct.pack(">Q", length)


def say(connection: socket.socket, *message: Any) -> None:
    """A relay message."""
    connection.sendall(frame(json.dumps(message).encode()))


def hear(connection: socket.socket) -> Any:
    """A client's message; EOFError when it leaves."""
    while True:
        first, second = _exactly(connection, 2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", _exactly(connection, 2))[0]
        elif length == 127:
            length = struct.unpack(">Q", _exactly(connection, 8))[0]
        mask = _exactly(connection, 4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(_exactly(connection, length)))
        if first & 0x0F == CLOSE:
            raise EOFError
        if first & 0x0F == TEXT:
            return json.loads(data)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def stored(events: list[Event], cap: int, *, pages: list[Filter] | None = None) -> Talk:
    """A relay with these events that caps every answer, newest first, without saying so."""

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        while True:
            message = hear(connection)
            if message[0] != "REQ":
                continue
            wanted = parse(message[2])
            if pages is not None:
                pages.append(wanted)
            found = sorted(filter(wanted.matches, events), key=lambda e: (-e.created_at, e.id))
            for event in found[: min(cap, wanted.limit or cap)]:
                say(connection, "EVENT", message[1], event.to_json())
            say(connection, "EOSE", message[1])

    return talk


def note(author: Author, at: int, text: str = "") -> Event:
    """An event."""
    return author.sign(kinds.ISSUE, (), at=at, content=text)


# --- git -------------------------------------------------------------------------------------


def git_dir(root: Path, coordinate: Coordinate) -> Path:
    """Where `backend` looks for a repository."""
    return root / nip19.npub(coordinate.owner) / f"{coordinate.identifier}.git"


@contextmanager
def backend(root: Path) -> Iterator[str]:
    """git's own smart-HTTP server, `git http-backend`, over all repositories under `root`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._run(b"")

        def do_POST(self) -> None:
            self._run(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silence."""

        def _run(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "somebody",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": unquote(path),
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            done = subprocess.run(
                ["git", "http-backend"],
                input=body,
                env=environment,
                capture_output=True,
                check=False,
            )
            head, _, data = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
