"""A plain NIP-01 client, for tests that see what a relay says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.conformance import relay
from reconciler.nostr.event import Event, verify


@dataclass
class Relay(relay.Relay):
    """A plain NIP-01 client that bears nothing it did not ask for."""

    def query(self, *filters: dict[str, Any], name: str = "q") -> list[Event]:
        """Everything up to EOSE, then CLOSE."""
        self.send("REQ", name, *filters)
        found = []
        while (message := self.receive())[0] != "EOSE":
            assert message[:2] == ["EVENT", name]
            found.append(verify(message[2]))
        self.send("CLOSE", name)
        return found
