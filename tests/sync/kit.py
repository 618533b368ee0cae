"""What the tests of the sync share: several real servers on one movable clock, and waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event, Tag
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer, ServerSpec, start

from ..sandbox.kit import NOW, Clock, Person, publish

PATIENCE = 10.0


def eventually(fact: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.02)


def never(fact: Callable[[], Any], seconds: float = 0.6) -> None:
    """Look on for a while: it must not become so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not fact()
        time.sleep(0.02)


@dataclass
class Fleet:
    """Servers by name, ended with the test."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    running: dict[str, RunningServer] = field(default_factory=dict)

    def start(self, name: str, *, chance: float = 0.5, **options: Any) -> RunningServer:
        """Start (or start again) a server; without sync unless asked for."""
        spec = ServerSpec(
            name=name,
            directory=self.folder / name,
            dialect=options.pop("dialect", "spec"),
            **options,
        )
        self.running[name] = start(spec, clock=self.clock, chance=lambda: chance)
        return self.running[name]

    def end(self) -> None:
        """Kill them all."""
        for server in self.running.values():
            server.kill()


def announce(
    owner: Person,
    identifier: str,
    *servers: RunningServer,
    clone: tuple[str, ...] = (),
    relays: tuple[str, ...] = (),
    at: int = NOW,
) -> Event:
    """An announcement that lists several servers, and more URLs."""
    clones = tuple(urls.clone(s.url, owner.pubkey, identifier) for s in servers)
    tags: list[Tag] = [
        ("d", identifier),
        ("clone", *clones, *clone),
        ("relays", *(s.relay_url for s in servers), *relays),
    ]
    return owner.sign(kinds.ANNOUNCEMENT, *tags, at=at)


def has(server: RunningServer, *events: Event) -> bool:
    """Does the server serve all of these?"""
    return len(server.events(Filter(ids=tuple(e.id for e in events)))) == len(events)


def put(server: RunningServer, *events: Event) -> None:
    """Publish; every event must be accepted."""
    answers = publish(server, *events)
    assert all(accepted for accepted, _ in answers), answers
