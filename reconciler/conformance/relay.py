"""A plain NIP-01 client: it gives back what it is told, so that probes see a server's manners."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import websocket

from reconciler.nostr.event import Event, verify

_SECONDS = 10.0


@dataclass
class Relay:
    """One connection. Every wait is bounded by ten seconds of silence; no redirect is followed and
    no proxy asked."""

    url: str
    header: Iterable[str] = ()
    socket: websocket.WebSocket = field(init=False)

    def __post_init__(self) -> None:
        self.socket = websocket.create_connection(
            self.url,
            timeout=_SECONDS,
            header=list(self.header),
            redirect_limit=0,
            http_no_proxy=["*"],
        )

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *message: Any) -> None:
        """A message of these parts."""
        self.socket.send(json.dumps(message))

    def receive(self) -> Any:
        """The next message; ValueError when the server closed."""
        return json.loads(self.socket.recv())

    def publish(self, event: Event) -> tuple[bool, str]:
        """The OK's accepted and message."""
        self.send("EVENT", event.to_json())
        while (message := self.receive())[0] != "OK" or message[1] != event.id:
            pass
        return bool(message[2]), str(message[3])

    def query(self, *filters: dict[str, Any], name: str = "q") -> list[Event]:
        """Everything up to EOSE (or CLOSED), then CLOSE."""
        self.send("REQ", name, *filters)
        found = []
        while (message := self.receive())[0] not in ("EOSE", "CLOSED"):
            if message[0] == "EVENT":
                found.append(verify(message[2]))
        self.send("CLOSE", name)
        return found

    def count(self, *filters: dict[str, Any]) -> int:
        """NIP-45."""
        self.send("COUNT", "c", *filters)
        while (message := self.receive())[0] != "COUNT":
            pass
        return int(message[2]["count"])
