"""The server's half of RFC 6455 and of NIP-01, by hand, for relays that misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
from typing import Any

from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter, parse
from reconciler.sandbox.demo.authors import Author
from tests.kit.peers import Talk, request

TEXT, CLOSE, PING = 1, 8, 9


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
