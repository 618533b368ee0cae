"""The fleet of `make demo` and `reconcile sandbox up`: five GRASP servers and an index relay.

    alpha    has everything
    beta     is stale: an older state, and none of the newer conversation
    gamma    has diverged: one repository stands at a rewritten main
    delta    is empty; bob lists it, alice does not yet, carol does not and has no signer
    epsilon  is ill: its relay answers, its git side says 502
    index    a plain relay that knows the announcements

Three owners, four repositories each. Everything is written as its author would write it: signed
events over WebSockets, pushes by the git program.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author, new
from reconciler.sandbox.faults import Aim
from reconciler.sandbox.server import RunningServer, ServerSpec, start

FAMILIES = {
    "alpha": "ngit-grasp",
    "beta": "spec",
    "gamma": "ngit-grasp",
    "delta": "ngit-grasp",
    "epsilon": "spec",
}
REPOSITORIES = {
    "alice": ("reconciler", "widget", "my tools", "grün"),
    "bob": ("engine", "engine-docs", "plugins", "site"),
    "carol": ("notes", "dotfiles", "recipes", "maps"),
}
_DAY = 86_400


@dataclass(kw_only=True)
class DemoFleet:
    """A running fleet. `servers` are by name."""

    folder: Path
    servers: dict[str, RunningServer]
    index: RunningServer
    people: dict[str, Author]
    sources: dict[Coordinate, Path] = field(default_factory=dict)
    states: dict[Coordinate, Event] = field(default_factory=dict)

    @property
    def desired(self) -> Path:
        """The desired state that fits this fleet."""
        return self.folder / "desired-state.yaml"

    @property
    def keys(self) -> Path:
        """The key file that fits it."""
        return self.folder / "keys"

    def url(self, name: str) -> str:
        """A server's URL by its name."""
        return self.servers[name].url

    def stop(self) -> None:
        """Stop all servers."""
        for server in (*self.servers.values(), self.index):
            server.stop()


def start_fleet(folder: Path, *, project: Path | None = None) -> DemoFleet:
    """Start the fleet and seed it.

    Args:
        folder: an empty directory for all of it.
        project: a git checkout to use as alice's first repository; a generated one otherwise.
    """
    servers = {
        # without budgets, because the story is told in seconds and not in minutes
        name: start(
            ServerSpec(
                name=name, directory=folder / "servers" / name, family=family, rate_limits=False
            )
        )
        for name, family in FAMILIES.items()
    }
    index = start(
        ServerSpec(name="index", directory=folder / "servers" / "index", family="spec", grasp=False)
    )
    people = {name: new(name) for name in (*REPOSITORIES, "dave")}
    fleet = DemoFleet(folder=folder, servers=servers, index=index, people=people)
    jobs = [
        (people[owner], identifier, number * 10 + place)
        for number, (owner, names) in enumerate(REPOSITORIES.items())
        for place, identifier in enumerate(names)
    ]
    for owner, identifier, seed in jobs:
        path = folder / "sources" / f"{owner.name}-{seed}.git"
        found = project if identifier == "reconciler" else None
        fleet.sources[Coordinate(owner.pubkey, identifier)] = _source(path, seed, found)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: _populate(fleet, *job), jobs))
    _write_files(fleet)
    servers["epsilon"].faults.set("http-502", Aim(path="info/refs"))
    return fleet


def _populate(fleet: DemoFleet, owner: Author, identifier: str, seed: int) -> None:
    """One repository: an old state on three servers, a newer one on alpha, conversation."""
    now = int(time.time())
    coordinate = Coordinate(owner.pubkey, identifier)
    path = fleet.sources[coordinate]
    listed = ["alpha", "beta", "gamma"]
    listed += {"alice": ["epsilon"], "bob": ["delta", "epsilon"]}.get(owner.name, [])
    root = history.git(path, "rev-list", "--max-parents=0", "refs/heads/main").split()[0].decode()
    announcement = authors.announce(
        owner, identifier, [fleet.url(name) for name in listed], at=now - 9 * _DAY, root=root
    )
    history.send(fleet.index.url, [announcement])
    old = history.refs(path)
    _host(fleet, owner, identifier, announcement, old, at=now - 8 * _DAY, on=("alpha", "beta"))
    if seed % 4 == 1:  # gamma alone saw a main that was rewritten afterwards
        history.extend(path, seed + 500)
        _host(
            fleet,
            owner,
            identifier,
            announcement,
            history.refs(path),
            at=now - 7 * _DAY,
            on=("gamma",),
        )
        history.extend(path, seed + 900, start=f"{old['refs/heads/main']}^0")
    else:
        _host(fleet, owner, identifier, announcement, old, at=now - 8 * _DAY, on=("gamma",))
    if seed % 4 < 2:
        history.extend(path, seed + 700, branch="release")
        newer = history.refs(path)
        _host(fleet, owner, identifier, announcement, newer, at=now - 2 * _DAY, on=("alpha",))
    if seed % 4 == 3:  # a deletion alone: servers align by themselves
        history.delete(path, "refs/heads/feature/search")
        fewer = history.refs(path)
        _host(fleet, owner, identifier, announcement, fewer, at=now - 2 * _DAY, on=())
        history.send(fleet.url("alpha"), [fleet.states[coordinate]])
    _talk(fleet, coordinate, path, seed, now)


def _host(
    fleet: DemoFleet,
    owner: Author,
    identifier: str,
    announcement: Event,
    refs: dict[str, str],
    *,
    at: int,
    on: Sequence[str],
) -> None:
    """Announcement, state, push: what an owner's client does."""
    state = authors.declare(owner, identifier, refs, at=at)
    fleet.states[Coordinate(owner.pubkey, identifier)] = state
    path = fleet.sources[Coordinate(owner.pubkey, identifier)]
    for name in on:
        history.send(fleet.url(name), [announcement, state])
        history.push(path, fleet.url(name), owner.pubkey, identifier, refs)


def _talk(fleet: DemoFleet, coordinate: Coordinate, path: Path, seed: int, now: int) -> None:
    """An issue with a comment and a status everywhere; a pull request on alpha only."""
    dave = fleet.people["dave"]
    owner = next(p for p in fleet.people.values() if p.pubkey == coordinate.owner)
    first = authors.issue(dave, coordinate, "It is slow", at=now - 6 * _DAY)
    answer = authors.comment(owner, first, first, "Since when?", at=now - 5 * _DAY)
    for name in ("alpha", "beta"):
        history.send(fleet.url(name), [first])
    history.send(fleet.url("alpha"), [answer])
    if seed % 4 == 0:
        return
    alpha = fleet.url("alpha")
    tip = history.extend(path, seed + 300, branch="work")
    history.delete(path, "refs/heads/work")
    clone = urls.clone(alpha, coordinate.owner, coordinate.identifier)
    pull = authors.pull(dave, coordinate, tip, clone, at=now - 4 * _DAY)
    history.push(
        path, alpha, coordinate.owner, coordinate.identifier, {f"refs/nostr/{pull.id}": tip}
    )
    review = authors.comment(owner, pull, pull, "Looks good", at=now - 3 * _DAY)
    merged = authors.status(owner, coordinate, pull, kinds.STATUS_OPEN, at=now - 3 * _DAY)
    history.send(alpha, [pull, review, merged])


def _source(path: Path, seed: int, project: Path | None) -> Path:
    """A bare repository: a copy of the project's own, where there is one, or a generated one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if project and (project / ".git").exists() and _copy(project, path):
        return path
    return history.create(path, seed)


def _copy(project: Path, path: Path) -> bool:
    """Clone main and the tags of a checkout; False when it has no main with commits."""
    command = ["git", "clone", "--bare", "--quiet", "--no-hardlinks", "--single-branch"]
    done = subprocess.run(
        [*command, "--branch=main", f"file://{project}", str(path)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0 and not (path / "shallow").exists()


def _write_files(fleet: DemoFleet) -> None:
    lines = ["version: 1", "servers:"]
    for name in FAMILIES:
        lines.append(f"  - {{url: {fleet.url(name)}, name: {name}, delegate: never}}")
    lines += ["index_relays:", f"  - {{url: {fleet.index.relay_url}, name: index}}", "npubs:"]
    for name in REPOSITORIES:
        lines.append(f"  - npub: {fleet.people[name].npub}")
        lines.append(f"    name: {name}")
        lines += [f"    signer: {name}-key"] if name != "carol" else []
    lines += [
        "policies:",
        "  throttle:",
        "    {concurrency: 8, per_minute: 600, events_per_minute: 6000, family_limits: false}",
        "  egress: {allow_private: [127.0.0.0/8]}",
    ]
    fleet.desired.write_text("\n".join(lines) + "\n")
    fleet.keys.touch(mode=0o600)
    signers = [fleet.people[name] for name in REPOSITORIES if name != "carol"]
    fleet.keys.write_text("".join(f"{p.name}-key: {p.nsec()}\n" for p in signers))
