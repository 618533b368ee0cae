"""An owner's own tools: a websocket for events and the `git` program for pushes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import websocket

from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event
from reconciler.nostr.messages import Ok
from reconciler.sandbox.demo.history import git

_SECONDS = 20


def send(server: str, events: Iterable[Event]) -> tuple[Ok, ...]:
    """Publish events to a server, in order; the OKs."""
    connection = websocket.create_connection(urls.relay(server), timeout=_SECONDS)
    try:
        return tuple(_send(connection, event) for event in events)
    finally:
        connection.close()


def push(path: Path, server: str, pubkey: str, identifier: str, refs: Mapping[str, str]) -> None:
    """Push these refs (name to object id, empty: delete) with the git program, in one push."""
    specs = [f"+{oid}:{name}" if oid else f":{name}" for name, oid in sorted(refs.items())]
    git(path, "push", "--quiet", urls.clone(server, pubkey, identifier), *specs)


def _send(connection: websocket.WebSocket, event: Event) -> Ok:
    connection.send(messages.event(event))
    while True:
        answer = messages.parse_relay(connection.recv())
        if isinstance(answer, Ok) and answer.event_id == event.id:
            return answer
