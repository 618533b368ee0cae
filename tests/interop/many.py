"""Many repositories, whole on one server and announced for others: what a fleet is filled with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.kit.outsiders import ANNOUNCEMENT, ISSUE, STATE, JsonEvent

from . import judge
from .programs import Server
from .source import Source
from .world import MAIN, Repo, World


@dataclass
class Many:
    """Repositories of one owner, whole on one server and announced for others."""

    world: World
    servers: Sequence[Server]
    repos: list[Repo] = field(default_factory=list)
    issues: list[JsonEvent] = field(default_factory=list)

    def seed(self, count: int, issues: int) -> None:
        """So many repositories, each with so many issues, on the first server."""
        world, full = self.world, self.servers[0]
        alice, source = world.person("alice"), Source.create(world.folder / "source.git")
        hosts = [server.host for server in self.servers]
        for number in range(count):
            name = f"repo-{number:02d}"
            repo = Repo(alice, name, source, {MAIN: source.line(name, 2)[-1]})
            repo.announcement = alice.announce(name, hosts, at=world.now - 9000 + number)
            repo.state = alice.declare(name, repo.refs, at=world.now - 8000 + number)
            self.repos.append(repo)
            self.issues += [
                alice.sign(ISSUE, [repo.tagged(), ("subject", "x")], at=at, content=f"{name} {at}")
                for at in range(world.now - 7000, world.now - 7000 + issues)
            ]
        self._take(full, [event for r in self.repos for event in (r.announcement, r.state)])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda repo: world.push(repo, full), self.repos))
        self._take(full, self.issues)
        assert self.whole(full) == count and self.answered(full) == count * issues

    def whole(self, server: Server) -> int:
        """How many repositories have announcement, state and refs there."""
        have = {e["id"] for kind in (ANNOUNCEMENT, STATE) for e in _all(server, kind)}
        known = [r for r in self.repos if {r.announcement["id"], r.state["id"]} <= have]
        with ThreadPoolExecutor(4) as pool:
            listings = pool.map(lambda repo: judge.listing(repo.url(server)), known)
            pairs = zip(known, listings, strict=True)
            return sum(seen is not None and seen.state() == repo.refs for repo, seen in pairs)

    def answered(self, server: Server) -> int:
        """How many of the issues it has."""
        have = {event["id"] for event in _all(server, ISSUE)}
        return sum(event["id"] in have for event in self.issues)

    def lacking(self) -> list[str]:
        """What which server lacks of what was meant."""
        found = []
        for server in self.servers:
            repositories = len(self.repos) - self.whole(server)
            issues = len(self.issues) - self.answered(server)
            found += [f"{server.host} lacks {repositories} repositories"] if repositories else []
            found += [f"{server.host} lacks {issues} issues"] if issues else []
        return found

    def _take(self, server: Server, events: Sequence[JsonEvent]) -> None:
        for start in range(0, len(events), 50):  # ngit-grasp: 60 a minute on a connection
            self.world.must_take(server, *events[start : start + 50])


def _all(server: Server, kind: int) -> list[JsonEvent]:
    """All events of a kind, page by page."""
    found: dict[str, JsonEvent] = {}
    until = int(time.time())
    while page := [
        event
        for event in judge.ask(server.relay_url, kinds=[kind], limit=200, until=until)
        if event["id"] not in found
    ]:
        found |= {event["id"]: event for event in page}
        until = min(event["created_at"] for event in page)
    return list(found.values())
