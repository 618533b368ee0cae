"""Embedded servers with their families' limits and own work, and runs of the program among them, on
a clock that goes on by itself wherever nobody works.

As long as the program or a server computes, a second is a second. Where the program only waits for
a moment, and between runs, the clock runs ahead, in steps that give the servers time to do what
is due. So waits cost little and work costs what it costs; on a slow machine work seems longer.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import fleet
from bench.fleet import Repository
from bench.idle import looks
from bench.moving import MovedTime
from bench.rounds import PLAIN
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author
from reconciler.sandbox.server import RunningServer, ServerSpec, start

_STEP_SECONDS, _PAUSE_SECONDS = 0.5, 5.0
"""What the clock runs ahead after a look at which nobody worked: in a run, and between runs."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call of the program. `seconds` are those of the moved clock; events and refusals are what
    the servers counted, by server."""

    code: int
    seconds: float
    events: tuple[int, ...]
    refused: tuple[int, ...]
    whole: tuple[int, ...]
    said: str

    def __str__(self) -> str:
        def all_of(figures: Sequence[int]) -> str:
            return "/".join(map(str, figures)) if len(set(figures)) > 1 else str(figures[0])

        return (
            f"exit {self.code}, {self.seconds:.0f} s, events {all_of(self.events)}, refused"
            f" {all_of(self.refused)}, whole {all_of(self.whole)}"
        )


@dataclass(kw_only=True)
class Rig:
    """The first server has everything, the others nothing."""

    folder: Path
    servers: list[RunningServer] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)
    issues: list[Event] = field(default_factory=list)
    delegate: bool = True
    moved: MovedTime = field(init=False)
    owner: Author = field(default_factory=lambda: authors.new("alice"))

    def __post_init__(self) -> None:
        self.moved = MovedTime(self.folder / "clock")

    @property
    def empty(self) -> list[RunningServer]:
        """All but the first."""
        return self.servers[1:]

    def serve(self, family: str, *, sync: bool = False) -> None:
        """One more server, on its family's terms; the first has no limits until it is filled."""
        name = f"{family}-{len(self.servers)}"
        spec = ServerSpec(
            name=name,
            directory=self.folder / name,
            family=family,
            sync=sync,
            rate_limits=bool(self.servers),
        )
        self.servers.append(start(spec, clock=self.moved.unix))

    def seed(self, repositories: int, issues: int) -> None:
        """Fill the first server, and write a desired state of all."""
        places = [server.url for server in self.servers]
        for number in range(repositories):
            source = fleet.small(self.folder / "sources" / f"{number}.git", number)
            made = fleet.announced(self.owner, f"repository-{number:02d}", source, places)
            self.repositories.append(made)
            history.send(places[0], made.events)
            refs, where = history.refs(source), made.coordinate
            history.push(source, places[0], where.owner, where.identifier, refs)
        now = int(time.time()) - 8_000
        for number in range(issues):
            where = self.repositories[number % repositories].coordinate
            self.issues.append(authors.issue(self.owner, where, f"bug {number}", at=now + number))
        history.send(places[0], self.issues)
        self.servers[0].stop()
        port = int(places[0].rpartition(":")[2])
        limited = replace(self.servers[0].spec, port=port, rate_limits=True)
        self.servers[0] = start(limited, clock=self.moved.unix)
        self._desire(places)

    def _desire(self, places: Sequence[str]) -> None:
        word = "auto" if self.delegate else "never"
        lines = ["version: 1", "servers:"]
        lines += [f'  - {{url: "{place}", delegate: {word}}}' for place in places]
        lines += ["npubs:", f"  - {{npub: {self.owner.npub}, name: alice}}", "policies:"]
        lines += ["  egress: {allow_private: [127.0.0.0/8]}"]
        (self.folder / "desired.yaml").write_text("\n".join(lines) + "\n")

    def run(self, *words: str, kill: float | None = None) -> Run:
        """Call the program; `kill` it after so many seconds, if it still runs then."""
        before = [server.counters.snapshot() for server in self.empty]
        began = self.moved.unix()
        argv = [sys.executable, "-m", "bench.moving", str(self.folder / "clock"), "--apply"]
        argv += ["-f", "desired.yaml", "--state-dir", "state", "--report-dir", "reports", *words]
        env = {**PLAIN, "PYTHONPATH": str(Path(__file__).parents[1])}
        with (self.folder / "said").open("w") as said:
            child = subprocess.Popen(
                argv, cwd=self.folder, env=env, stdout=said, stderr=subprocess.STDOUT
            )
            self._until_over(child, began + kill if kill else None)
        after = [server.counters.snapshot() for server in self.empty]
        pairs = list(zip(before, after, strict=True))
        events = tuple(b["events_received"] - a["events_received"] for a, b in pairs)
        taken = tuple(b["events_accepted"] - a["events_accepted"] for a, b in pairs)
        return Run(
            code=child.returncode,
            seconds=self.moved.unix() - began,
            events=events,
            refused=tuple(e - t for e, t in zip(events, taken, strict=True)),
            whole=self.whole(),
            said=(self.folder / "said").read_text(),
        )

    def rest(self, seconds: float) -> None:
        """Nobody calls the program for so long; servers go on."""
        end = self.moved.unix() + seconds
        for idle in looks(None):
            if self.moved.unix() >= end:
                return
            if idle:
                self.moved.move(min(_PAUSE_SECONDS, end - self.moved.unix()))

    def whole(self) -> tuple[int, ...]:
        """How many repositories are whole on each of the empty servers."""
        return tuple(map(self._whole, self.empty))

    def lacking(self) -> int:
        """Issues that servers lack, all together."""
        ids = tuple(event.id for event in self.issues)
        return sum(len(ids) - len(s.events(Filter(ids=ids))) for s in self.empty) if ids else 0

    def report(self) -> dict[str, Any]:
        """What the last run wrote."""
        found: dict[str, Any] = json.loads((self.folder / "reports" / "latest.json").read_text())
        return found

    def _whole(self, server: RunningServer) -> int:
        def is_whole(made: Repository) -> bool:
            ids = tuple(event.id for event in made.events)
            where = made.coordinate
            path = server.repo_path(where.owner, where.identifier)
            served = len(server.events(Filter(ids=ids))) == len(ids)
            return served and path.is_dir() and history.refs(path) == history.refs(made.source)

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(is_whole, self.repositories))

    def _until_over(self, child: subprocess.Popen[bytes], kill: float | None) -> None:
        for idle in looks(child.pid):
            if child.poll() is not None:
                return
            if kill is not None and self.moved.unix() >= kill:
                child.send_signal(signal.SIGKILL)
                child.wait()
                self.moved.settle_accounts()
                return
            if idle and self.moved.waiting:
                self.moved.move(_STEP_SECONDS)


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """One whose servers end with the block."""
    folder.mkdir(parents=True)
    made = Rig(folder=folder)
    try:
        yield made
    finally:
        for server in made.servers:
            server.kill()
