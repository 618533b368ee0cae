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

from reconciler.edge.egress import Egress
from reconciler.nostr import kinds, nip19
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter, parse
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo.authors import Author

LOOPBACK = Egress((ip_network("127.0.0.0/8"),))
Talk = Callable[[socket.socket], None]

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
