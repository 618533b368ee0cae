"""A subscriber that does not read: it loses live events without a word, and nobody else does."""

from __future__ import annotations

import contextlib
import json
import socket
from contextlib import closing

import pytest
import websocket

from reconciler.nostr import kinds
from reconciler.sandbox.limits import LIVE_EVENTS
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, NOW

from .conftest import Starter

SMALL = 4
COUNT = 40
BYTES = 200_000
"""Enough to fill what the kernel keeps for a connection on loopback."""
KERNEL = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536),)


def test_the_buffer_is_that_of_ngit_grasp() -> None:
    assert LIVE_EVENTS == 1_024


@pytest.mark.long
def test_who_does_not_read_loses_events(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.sandbox.wire.outbox.LIVE_EVENTS", SMALL)
    server = starter(family="spec", grasp=False)
    notes = [ALICE.sign(kinds.NOTE, content=f"{n}" + "x" * BYTES, at=NOW + n) for n in range(COUNT)]
    with (
        closing(_subscriber(server.relay_url)) as idle,
        closing(_subscriber(server.relay_url)) as reader,
        Relay(server.relay_url) as writer,
    ):
        heard = []
        for note in notes:
            assert writer.publish(note) == (True, "")
            heard.append(json.loads(reader.recv())[2]["id"])
        found = _waiting(idle)
    assert heard == [note.id for note in notes]
    assert SMALL < len(found) < COUNT
    assert found == heard[: len(found)]  # the first ones, in order


def _subscriber(url: str) -> websocket.WebSocket:
    """Subscribed, with little room in the kernel. The library checks UTF-8 slowly, in Python."""
    found = websocket.create_connection(url, 10, sockopt=KERNEL, skip_utf8_validation=True)
    found.send('["REQ","live",{"kinds":[1]}]')
    assert json.loads(found.recv())[0] == "EOSE"
    return found


def _waiting(idle: websocket.WebSocket) -> list[str]:
    """Ids of the events that have come in the meantime."""
    found = []
    idle.settimeout(0.5)
    with contextlib.suppress(websocket.WebSocketTimeoutException):
        while True:
            message = json.loads(idle.recv())
            found += [message[2]["id"]] if message[0] == "EVENT" else []
    return found
