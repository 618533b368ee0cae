"""What the fleet tests share: the program as a stranger calls it, and judges that are not ours."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import nostr_sdk
import pytest

from reconciler.nostr import urls
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author, new
from reconciler.sandbox.server import RunningServer, ServerSpec, start

DAY = 86_400


@dataclass(frozen=True)
class Result:
    """How a call of the program ended."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    def recap(self, url: str) -> dict[str, Any]:
        """The recap line of a server."""
        name = urls.host(url)
        return next(row for row in self.report["recap"] if row["server"] == name)

    def verdicts(self, url: str) -> set[str]:
        """The verdicts of all cells of a server."""
        return {cell["verdict"] for cell in self.report["cells"] if cell["server"] == url}


@dataclass
class Case:
    """A small fleet of real servers and one owner."""

    folder: Path
    owner: Author = field(default_factory=lambda: new("alice"))
    servers: dict[str, RunningServer] = field(default_factory=dict)
    sources: dict[str, Path] = field(default_factory=dict)
    now: int = field(default_factory=lambda: int(time.time()))
    extra_servers: list[str] = field(default_factory=list)

    def start(
        self, *names: str, family: str = "ngit-grasp", grasp: bool = True, sync: bool = False
    ) -> None:
        """Start servers by name."""
        for name in names:
            folder = self.folder / "servers" / name
            spec = ServerSpec(name=name, directory=folder, family=family, grasp=grasp, sync=sync)
            self.servers[name] = start(spec)

    def stop(self) -> None:
        """End all of them."""
        for server in self.servers.values():
            server.kill()

    def repository(self, identifier: str, on: Sequence[str], listed: Sequence[str] = ()) -> None:
        """A repository that is hosted on some servers, and lists some (all without `listed`)."""
        path = self.folder / "sources" / f"{len(self.sources)}.git"
        path.parent.mkdir(exist_ok=True)
        self.sources[identifier] = history.create(path, len(self.sources), commits=4)
        places = [self.servers[name].url for name in listed or self.servers]
        places += [] if listed else self.extra_servers
        announced = authors.announce(
            self.owner, identifier, places, at=self.now - 9 * DAY, root="0" * 40
        )
        self.host(identifier, announced, on, at=self.now - 8 * DAY)

    def host(
        self, identifier: str, announced: Event | None, on: Sequence[str], *, at: int
    ) -> Event:
        """Sign a state of what the source holds now, and push it to some servers."""
        refs = history.refs(self.sources[identifier])
        state = authors.declare(self.owner, identifier, refs, at=at)
        for name in on:
            url = self.servers[name].url
            history.send(url, [e for e in (announced, state) if e])
            history.push(self.sources[identifier], url, self.owner.pubkey, identifier, refs)
        return state

    def desired(self, more: str = "", *, signer: bool = False, delegate: bool = False) -> Path:
        """Write the desired state of this fleet, and the owner's key file. Without `delegate`,
        servers are sent everything."""
        urls = [server.url for server in self.servers.values()] + self.extra_servers
        word = "auto" if delegate else "never"
        places = ", ".join(f'{{url: "{url}", delegate: {word}}}' for url in urls)
        lines = ["version: 1", f"servers: [{places}]", "npubs:"]
        lines.append(f"  - npub: {self.owner.npub}")
        lines.append(f"    name: {self.owner.name}")
        lines += ["    signer: owner-key"] if signer else []
        lines += ["policies:", "  egress: {allow_private: [127.0.0.0/8]}"]
        wide = "{concurrency: 8, per_minute: 600, events_per_minute: 6000, family_limits: false}"
        lines.append(f"  throttle: {wide}")
        path = self.folder / "desired-state.yaml"
        path.write_text("\n".join(lines) + "\n" + more)
        keys = self.folder / "keys"
        keys.touch(mode=0o600)
        keys.write_text(f"owner-key: {self.owner.nsec()}\n")
        return path

    def reconcile(self, *args: str | Path, **options: Any) -> Result:
        """Call the program on this fleet."""
        return reconcile(self.folder, "-f", self.folder / "desired-state.yaml", *args, **options)

    def refs(self, name: str, identifier: str) -> dict[str, str]:
        """What `git ls-remote` says, heads and tags."""
        return ls_remote(self.servers[name].url, Coordinate(self.owner.pubkey, identifier))


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    """An empty fleet, ended with the test."""
    found = Case(tmp_path)
    yield found
    found.stop()


def command(folder: Path, *args: str | Path) -> list[str]:
    """The argv of a call whose files all stay in `folder`."""
    places = ["--state-dir", folder / "state", "--report-dir", folder / "reports"]
    return [sys.executable, "-m", "reconciler", *map(str, (*places, *args))]


def reconcile(folder: Path, *args: str | Path, seconds: float = 60, **env: str) -> Result:
    """Call the program in a process of its own, without our environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "80", **env}
    done = subprocess.run(
        command(folder, *args),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    latest = folder / "reports" / "latest.json"
    report = json.loads(latest.read_text()) if latest.exists() else {}
    return Result(done.returncode, done.stdout, done.stderr, report)


def ls_remote(server: str, coordinate: Coordinate) -> dict[str, str]:
    """Heads, tags and pull refs by the git program; peeled entries left out."""
    url = urls.clone(server, coordinate.owner, coordinate.identifier)
    out = history.git(None, "ls-remote", url).decode()
    pairs = (line.split("\t") for line in out.splitlines())
    return {name: oid for oid, name in pairs if name.startswith("refs/") and "^" not in name}


def newest(servers: Iterable[str], kind: int, coordinate: Coordinate) -> dict[str, str]:
    """The newest event of a kind on each relay, read by nostr-sdk: server URL to event id."""
    return asyncio.run(_newest(list(servers), kind, coordinate))


async def _newest(servers: list[str], kind: int, coordinate: Coordinate) -> dict[str, str]:
    sdk = nostr_sdk.ClientBuilder().build()
    wanted = (
        nostr_sdk.Filter()
        .kind(nostr_sdk.Kind(kind))
        .author(nostr_sdk.PublicKey.parse(coordinate.owner))
        .identifier(coordinate.identifier)
    )
    found = {}
    for server in servers:
        relay = nostr_sdk.RelayUrl.parse(urls.relay(server))
        await sdk.add_relay(relay)
        await sdk.connect(timedelta(seconds=5))
        target = nostr_sdk.ReqTarget.single(relay, [wanted])
        events = list(await sdk.fetch_events(target, timedelta(seconds=10)))
        best = min(events, key=lambda e: (-e.created_at().as_secs(), e.id().to_hex()))
        found[server] = best.id().to_hex()
    await sdk.shutdown()
    return found
