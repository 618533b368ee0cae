"""The stage of one scenario: servers, owners, repositories, and the program that is tried."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit.outsiders import ANNOUNCEMENT, STATE, JsonEvent, Outsider

from . import judge
from .programs import Programs, Server
from .source import Source

MAIN, DEV = "refs/heads/main", "refs/heads/dev"
_SECONDS = 90.0


class Failed(Exception):
    """The scenario's expectation was not met; the text says what was seen."""


def require(true: object, text: str) -> None:
    """Fail with this text unless it holds."""
    if not true:
        raise Failed(text)


@dataclass(frozen=True)
class Result:
    """How a call of the program ended."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    @property
    def text(self) -> str:
        """All that a person read."""
        return self.out + self.err

    def tail(self) -> str:
        """What went wrong in its own words, for a verdict; never judged by."""
        report = self.report
        words = [f"{h['reason']}: {h['detail']}" for h in report.get("holds", ())]
        words += [f"{s['name']}: {s['unknown']}" for s in report.get("servers", ()) if s["unknown"]]
        words += [f"{f['guard']} refuses" for f in report.get("findings", ())]
        words += [f"{o['result']}: {o['detail']}" for o in report.get("outcomes", ())
                  if o["result"] not in ("done", "unchanged")]  # fmt: skip
        lines = [line.strip() for line in self.out.splitlines() if line.strip()]
        return " | ".join(dict.fromkeys(words) or lines[-4:])[:600]


@dataclass
class Repo:
    """A repository as its maintainers mean it to be."""

    owner: Outsider
    identifier: str
    source: Source
    refs: dict[str, str] = field(default_factory=dict)
    head: str = MAIN
    announcement: JsonEvent = field(default_factory=dict)
    state: JsonEvent = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    """Pull refs by event id, expected on every server."""

    def url(self, server: Server) -> str:
        """The clone URL."""
        return f"{server.url}/{self.owner.npub}/{self.identifier}.git"

    def tagged(self) -> tuple[str, str]:
        """The `a` tag of its events."""
        return ("a", self.owner.address(self.identifier))


@dataclass
class World:
    """Everything of one scenario."""

    folder: Path
    programs: Programs
    servers: list[Server] = field(default_factory=list)
    people: list[Outsider] = field(default_factory=list)
    repos: list[Repo] = field(default_factory=list)
    events: list[JsonEvent] = field(default_factory=list)
    """Events that every server must serve in the end."""
    desired_more: str = ""
    throttle: str = "{concurrency: 8, per_minute: 600, events_per_minute: 6000}"
    """Empty: the default manners."""
    now: int = field(default_factory=lambda: int(time.time()))
    _numbers: Iterable[int] = field(default_factory=itertools.count)

    # --- the cast ---

    def server(self, family: str) -> Server:
        """A new empty server, which the desired state names from now on."""
        name = f"{family}-{len(self.servers)}"
        found = Server(family, self.programs.servers[family], self.folder / name)
        found.start()
        self.servers.append(found)
        return found

    def embedded(self, family: str) -> Server:
        """One of this project's own servers, as `reconcile sandbox serve` starts it."""
        path = self.folder / "serve.sh"
        call = f'{sys.executable} -m reconciler sandbox serve {family} --port "$1" --dir "$2"'
        path.write_text(f"#!/bin/sh\nexec {call}\n")
        path.chmod(0o755)
        found = Server(family, (str(path),), self.folder / family)
        found.start()
        self.servers.append(found)
        return found

    def fleet(self, *families: str) -> list[Server]:
        """One server of each family that is here (or of these), and a second one where there is
        but one."""
        wanted = list(families) or list(self.programs.servers)
        return [self.server(f) for f in (wanted * 2 if len(wanted) == 1 else wanted)]

    def of(self, *families: str) -> Server:
        """The first server of the first family that there is; else any."""
        for family in families:
            for server in self.servers:
                if server.family == family:
                    return server
        return self.servers[0]

    def person(self, name: str, *, signs: bool = True, owner: bool = True) -> Outsider:
        """Somebody new; owners stand in the desired state."""
        found = Outsider(name, signs)
        if owner:
            self.people.append(found)
        return found

    def stop(self) -> None:
        """End all servers."""
        for server in self.servers:
            server.stop()

    # --- repositories ---

    def repo(
        self,
        owner: Outsider,
        identifier: str,
        on: Iterable[Server] | None = None,
        *maintainers: Outsider,
        refs: Mapping[str, str] | None = None,
        listed: Iterable[Server] | None = None,
    ) -> Repo:
        """Announced, declared and pushed to some servers (all, if none are named)."""
        source = Source.create(self.folder / "sources" / f"{len(self.repos)}.git")
        repo = Repo(owner, identifier, source)
        if refs is None:
            row = source.line(identifier, 3)
            refs = {MAIN: row[2], DEV: row[1], "refs/tags/v1": source.tag("v1", row[0])}
        servers = list(on or self.servers)
        hosts = [s.host for s in listed or servers]
        repo.announcement = owner.announce(identifier, hosts, *maintainers, at=self.now - 9000)
        self.repos.append(repo)
        for server in servers:
            self.must_take(server, repo.announcement)
        time.sleep(0.3)  # ngit-relay makes the repository behind its OK
        self.advance(repo, refs, servers, at=self.now - 8000)
        return repo

    def advance(
        self,
        repo: Repo,
        refs: Mapping[str, str],
        on: Iterable[Server],
        *,
        by: Outsider | None = None,
        head: str = "",
        at: int = 0,
    ) -> None:
        """A newer state, and the push that fulfils it, on these servers only."""
        at = at or max(self.now - 7000, repo.state.get("created_at", 0) + 100)
        repo.refs, repo.head = dict(refs), head or repo.head
        author = by or repo.owner
        repo.state = author.declare(repo.identifier, refs, at=at, head=repo.head)
        for server in on:
            self.must_take(server, repo.state)
            self.push(repo, server)

    def push(self, repo: Repo, server: Server) -> None:
        """Make a server show the refs. The listing decides: khatru's first push has no report."""
        seen = judge.listing(repo.url(server))
        have = seen.state() if seen else {}
        moved = {n: o for n, o in repo.refs.items() if have.get(n) != o}
        gone = {n: "" for n in have if n not in repo.refs}
        if server.family == "khatru":
            moved |= gone  # the others drop them by themselves
        done = repo.source.push(repo.url(server), moved) if moved else None

        def missing() -> list[str]:
            seen = judge.listing(repo.url(server))
            have = seen.state() if seen else {}
            return [n for n, o in repo.refs.items() if have.get(n) != o]

        if left := judge.eventually(missing):
            raise AssertionError(f"no way to host on {server.family}: {left}: {done}")

    def must_take(self, server: Server, *events: JsonEvent) -> None:
        """Publish; a refusal breaks the set-up, not the scenario."""
        for (accepted, words), event in zip(
            judge.tell(server.relay_url, *events), events, strict=True
        ):
            if not accepted and not words.startswith("duplicate"):
                raise AssertionError(f"{server.family} refuses kind {event['kind']}: {words}")

    # --- the program ---

    def reconcile(self, *words: str | Path, seconds: float = _SECONDS) -> Result:
        """Call it as a stranger would: a process, a file, a folder; nothing of our environment."""
        done = subprocess.run(
            self.argv(*words),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        require(done.returncode != 1, f"a bug: exit 1: {(done.stdout + done.stderr)[-700:]}")
        latest = self.folder / "reports" / "latest.json"
        report = json.loads(latest.read_text()) if latest.exists() else {}
        return Result(done.returncode, done.stdout, done.stderr, report)

    def argv(self, *words: str | Path) -> list[str]:
        """The command line, with a fresh desired state."""
        base = [sys.executable, "-m", "reconciler", "-f", self.desired()]
        base += ["--state-dir", self.folder / "state", "--report-dir", self.folder / "reports"]
        return [*map(str, (*base, "--keys", self.folder / "keys", *words))]

    def environment(self) -> dict[str, str]:
        """All that the program sees of ours."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "200"}

    def desired(self) -> Path:
        """The desired state of this world, and the key file of those who sign."""
        lines = ["version: 1", f"servers: [{', '.join(s.url for s in self.servers)}]", "npubs:"]
        for person in self.people:
            lines += [f"  - npub: {person.npub}", f"    name: {person.name}"]
            lines += [f"    signer: {person.name}-key"] if person.signs else []
        lines += ["policies:", "  egress: {allow_private: [127.0.0.0/8]}"]
        lines += [f"  throttle: {self.throttle}"] if self.throttle else []
        path = self.folder / "desired-state.yaml"
        path.write_text("\n".join(lines) + "\n" + self.desired_more)
        keys = self.folder / "keys"
        keys.touch(mode=0o600)
        keys.write_text("".join(f"{p.name}-key: {p.nsec}\n" for p in self.people if p.signs))
        return path

    # --- the judge ---

    def complaints(self, *servers: Server) -> list[str]:
        """What differs from what was meant, on these servers (all of them)."""
        found: list[str] = []
        for repo in self.repos:
            newest = self._newest(repo)
            for server in servers or self.servers:
                where = f"{repo.identifier} on {server.family}"
                found += [f"{where}: {text}" for text in self._compare(repo, server, newest)]
        for server in servers or self.servers:
            if self.events:
                have = judge.ask(server.relay_url, ids=[e["id"] for e in self.events])
                ids = {e["id"] for e in have}
                lost = [e["kind"] for e in self.events if e["id"] not in ids]
                found += [f"{server.family} lacks events of kinds {lost}"] if lost else []
        return found

    def _newest(self, repo: Repo) -> str:
        every: list[JsonEvent] = []
        for server in self.servers:
            every += self._own(repo, server)[:1]
        return str(min(every, key=lambda e: (-e["created_at"], e["id"]))["id"]) if every else ""

    def _own(self, repo: Repo, server: Server) -> list[JsonEvent]:
        asked = {"kinds": [ANNOUNCEMENT], "authors": [repo.owner.pubkey]}
        found = judge.ask(server.relay_url, **asked)
        return [e for e in found if judge.tag(e, "d") == [repo.identifier]]

    def _compare(self, repo: Repo, server: Server, newest: str) -> list[str]:
        own = self._own(repo, server)[:1]
        if not own:
            return ["no announcement"]
        found = [] if own[0]["id"] == newest else ["an outdated announcement"]
        if not any(server.host in value for value in judge.tag(own[0], "clone")):
            found.append("its announcement does not list it")
        asked = {"kinds": [STATE], "authors": [repo.state["pubkey"]]}
        states = judge.ask(server.relay_url, **asked)
        states = [e for e in states if judge.tag(e, "d") == [repo.identifier]]
        if [e["id"] for e in states[:1]] != [repo.state["id"]]:
            found.append("another state" if states else "no state")
        return found + _compare_refs(repo, judge.listing(repo.url(server)))

    def settled(self, *servers: Server, seconds: float = 5.0) -> None:
        """Fail unless these servers show all that was meant, within some seconds."""
        left = judge.eventually(lambda: self.complaints(*servers), seconds)
        require(not left, "; ".join(left[:6]) + (f" (+{len(left) - 6})" if len(left) > 6 else ""))
        for repo in self.repos:
            for server in servers or self.servers:
                folder = self.folder / "clones" / str(next(iter(self._numbers)))
                said = judge.clones(repo.url(server), folder)
                require(not said, f"{server.family}: git cannot clone {repo.identifier}: {said}")

    def snapshot(self) -> dict[str, object]:
        """Every event and ref on every server."""
        found: dict[str, object] = {}
        for server in self.servers:
            asked = judge.ask(server.relay_url, kinds=judge.KINDS, limit=400)
            found[server.host] = sorted(e["id"] for e in asked)
            for repo in self.repos:
                found[repo.url(server)] = judge.listing(repo.url(server))
        return found


def _compare_refs(repo: Repo, seen: judge.Listing | None) -> list[str]:
    if seen is None:
        return ["git lists nothing"]
    have, found = seen.state(), []
    for name in sorted(have.keys() | repo.refs.keys()):
        if have.get(name) != repo.refs.get(name):
            found.append(f"{name} {have.get(name, 'absent')[:7]}, not "
                         f"{repo.refs.get(name, 'absent')[:7]}")  # fmt: skip
    if seen.head != repo.head:
        found.append(f"HEAD {seen.head or 'missing'}, not {repo.head}")
    pulls = {f"refs/nostr/{k}": o for k, o in repo.pulls.items()}
    lost = [n for n, o in pulls.items() if seen.refs.get(n) != o]
    return found + ([f"{len(lost)} pull refs are missing or wrong"] if lost else [])
