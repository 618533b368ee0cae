"""Generated histories: owners and strangers write, servers fail, runs happen at any time.

The judge is the world. While faults last, no healthy server ever shows a ref value that no state of
the owner has declared (I1). When they stop, within three runs all servers show the authoritative
refs, or the cell is held for a reason that its family gives; every issue that was accepted anywhere
is on all servers (I2); and one more run writes nothing (I8).
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import new
from tests.kit.program import DAY, Case

IDENTIFIER = "widget"
FAULTS = ("http-500", "ws-cut")
STUCK = {"server-must-fetch", "needs-new-state", "repository-gone"}


@dataclass
class Story:
    """One generated history on three servers."""

    case: Case
    chance: random.Random
    at: int = 0
    broken: str = ""
    declared: set[tuple[str, str]] = field(default_factory=set)
    issues: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = self.case.now - 5 * DAY
        self.case.start("one", "two", family="spec")
        self.case.start("three", family="ngit-grasp")
        self.case.repository(IDENTIFIER, on=["one"])
        self.case.desired()
        self._remember()

    @property
    def source(self) -> Path:
        return self.case.sources[IDENTIFIER]

    def step(self) -> None:
        deeds = (self.commit, self.commit, self.branch, self.delete, self.rewrite, self.talk)
        self.chance.choice((*deeds, self.break_one, self.mend))()

    def commit(self) -> None:
        history.extend(self.source, self._seed())
        self._declare()

    def branch(self) -> None:
        history.extend(self.source, self._seed(), branch=f"topic/{self.chance.randrange(3)}")
        self._declare()

    def delete(self) -> None:
        names = [n for n in history.refs(self.source) if n.startswith("refs/heads/topic/")]
        if names:
            history.delete(self.source, self.chance.choice(names))
            self._declare()

    def rewrite(self) -> None:
        root = history.git(self.source, "rev-list", "--max-parents=0", "refs/heads/main")
        history.extend(self.source, self._seed(), start=root.decode().split()[0])
        self._declare()

    def talk(self) -> None:
        coordinate = Coordinate(self.case.owner.pubkey, IDENTIFIER)
        self.at += 10
        issue = authors.issue(new("dave"), coordinate, "It hurts", at=self.at)
        server = self._healthy()
        if history.send(self.case.servers[server].url, [issue])[0].accepted:
            self.issues.append(issue)

    def break_one(self) -> None:
        if not self.broken:
            name = self.chance.choice(("two", "three"))
            self.case.servers[name].faults.set(self.chance.choice(FAULTS))
            self.broken = name

    def mend(self) -> None:
        for server in self.case.servers.values():
            server.faults.clear()
        self.broken = ""

    def check_refs(self) -> None:
        for name in self.case.servers:
            if name != self.broken:
                assert set(self._refs(name).items()) <= self.declared

    def _refs(self, name: str) -> dict[str, str]:
        with suppress(RuntimeError):  # not announced there yet: 404
            return self.case.refs(name, IDENTIFIER)
        return {}

    def _declare(self) -> None:
        """Sign a state and push it where it is accepted first, as an owner would."""
        self.at += 10
        self._remember()
        with suppress(RuntimeError):  # ngit-grasp refuses some pushes; the data is on `one` then
            self.case.host(IDENTIFIER, None, [self._healthy()], at=self.at)
            return
        refs = history.refs(self.source)
        state = authors.declare(self.case.owner, IDENTIFIER, refs, at=self.at)
        url = self.case.servers["one"].url
        history.send(url, [state])
        have = self.case.refs("one", IDENTIFIER)
        gone = {n: "" for n in have if n not in refs and not n.startswith("refs/nostr/")}
        history.push(self.source, url, self.case.owner.pubkey, IDENTIFIER, refs | gone)

    def _remember(self) -> None:
        self.declared |= set(history.refs(self.source).items())

    def _healthy(self) -> str:
        good = [name for name in self.case.servers if name != self.broken and self._refs(name)]
        return self.chance.choice(good)

    def _seed(self) -> int:
        return self.chance.randrange(1_000_000)


def tell(case: Case, seed: int, steps: int) -> None:
    story = Story(case, random.Random(seed))
    for number in range(steps):
        story.step()
        if number % 4 == 3:
            case.reconcile("--apply")
            story.check_refs()
    story.mend()
    for _ in range(3):
        done = case.reconcile("--apply")
    want = history.refs(story.source)
    held = {hold["server"] for hold in done.report["holds"] if hold["reason"] in STUCK}
    for name, server in case.servers.items():
        assert case.refs(name, IDENTIFIER) == want or server.url in held, (seed, name)
    assert {hold["reason"] for hold in done.report["holds"]} <= STUCK
    for name, server in case.servers.items():
        served = {event.id for event in server.events(Filter(kinds=(kinds.ISSUE,)))}
        assert served >= {issue.id for issue in story.issues}, (seed, name)
    last = case.reconcile("--apply").report
    assert (last["events_sent"], last["pushes_sent"]) == (0, 0), seed


def test_a_generated_history_converges(case: Case) -> None:
    tell(case, 2, 8)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_generated_histories_converge(case: Case, seed: int) -> None:
    tell(case, seed, 40)
