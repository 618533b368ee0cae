"""Peers that say what a test wants said: real listeners on loopback, and HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Talk = Callable[[socket.socket], None]


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
