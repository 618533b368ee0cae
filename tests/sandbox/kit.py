"""What the tests of the sandbox share: people with keys, a relay client, a git client, a clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.conformance import relay, work
from reconciler.conformance.clock import Clock
from reconciler.conformance.people import NOW, Person
from reconciler.conformance.work import git
from reconciler.nostr import urls
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer

__all__ = ["NOW", "Clock", "Person", "git"]
PARKED = "purgatory: won't be served until git data arrives"
ZERO = "0" * 40

ALICE, BOB, CAROL, MALLORY = (Person(n) for n in ("alice", "bob", "carol", "mallory"))


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


def publish(server: RunningServer, *events: Event) -> list[tuple[bool, str]]:
    """Publish on a fresh connection."""
    with Relay(server.relay_url) as relay:
        return [relay.publish(event) for event in events]


def served(server: RunningServer, **conditions: Any) -> list[str]:
    """Ids of what the relay answers to one filter, over the wire."""
    with Relay(server.relay_url) as relay:
        return [event.id for event in relay.query(conditions)]


@dataclass
class Work(work.Work):
    """A local bare repository that pushes to our own servers."""

    def push(self, server: RunningServer, owner: Person, identifier: str, *specs: str) -> bool:
        """Did `git push` succeed?"""
        url = urls.clone(server.url, owner.pubkey, identifier)
        return self.git("push", url, *specs, check=False).startswith("0\n")


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
