"""Sandbox servers and the people who use them, dated by today."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.conformance.people import NOW, Person
from reconciler.conformance.work import git
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event, Tag
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.relay import Relay

__all__ = ["NOW", "Person"]

PARKED = "purgatory: won't be served until git data arrives"


ALICE, BOB, CAROL, MALLORY = (Person(n) for n in ("alice", "bob", "carol", "mallory"))


def publish(server: RunningServer, *events: Event) -> list[tuple[bool, str]]:
    """Publish on a fresh connection."""
    with Relay(server.relay_url) as relay:
        return [relay.publish(event) for event in events]


def served(server: RunningServer, **conditions: Any) -> list[str]:
    """Ids of what the relay answers to one filter, over the wire."""
    with Relay(server.relay_url) as relay:
        return [event.id for event in relay.query(conditions)]


def remote_refs(server: RunningServer, owner: Person, identifier: str) -> dict[str, str]:
    """What `git ls-remote` shows, HEAD included."""
    url = urls.clone(server.url, owner.pubkey, identifier)
    lines = git("ls-remote", url).splitlines()
    return {name: oid for oid, name in (line.split("\t") for line in lines)}


def head(server: RunningServer, owner: Person, identifier: str) -> str:
    """The branch that the server's HEAD names."""
    path = server.repo_path(owner.pubkey, identifier) / "HEAD"
    return path.read_text().strip().removeprefix("ref: refs/heads/")


def hosted(
    server: RunningServer, work: Work, owner: Person, identifier: str, *maintainers: Person
) -> str:
    """Announce, declare main, push it; returns the commit. Everything is served afterwards."""
    commit = work.commit(f"{owner.name} {identifier}")
    announcement = owner.announce(server, identifier, *maintainers)
    state = owner.state(identifier, {"refs/heads/main": commit})
    assert publish(server, announcement, state) == [(True, PARKED)] * 2
    assert work.push(server, owner, identifier, f"{commit}:refs/heads/main")
    assert server.events(Filter(ids=(announcement.id,)))
    return commit


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
            family=options.pop("family", "spec"),
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
