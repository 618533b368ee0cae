"""Repositories, the events that announce them, and the desired state of a fleet that has them."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rounds import PLAIN
from bench.web import empty
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author

_EPOCH = 1_700_000_000
_WHO = "A Developer <developer@example.org> {} +0000"
_COMMITS = 200
_FILE = 15_000
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Repository:
    """One of the owner's, and what is signed about it."""

    coordinate: Coordinate
    source: Path
    events: tuple[Event, Event]


def announced(owner: Author, name: str, source: Path, servers: Sequence[str]) -> Repository:
    """Sign announcement and state of a repository, which lists these servers."""
    refs = history.refs(source)
    root = history.git(source, "rev-list", "--max-parents=0", "refs/heads/main").split()[0].decode()
    now = int(time.time())
    events = (
        authors.announce(owner, name, servers, at=now - 10_000, root=root),
        authors.declare(owner, name, refs, at=now - 9_000),
    )
    return Repository(Coordinate(owner.pubkey, name), source, events)


def desired(file: Path, owner: Author, servers: Sequence[str]) -> Path:
    """Write a desired state of these servers, with a throttle that holds nobody back; nothing is
    left to them."""
    lines = ["version: 1", "servers:"]
    lines += [f"  - {{url: {server}, delegate: never}}" for server in servers]
    lines += ["npubs:", f"  - {{npub: {owner.npub}, name: {owner.name}}}", "policies:"]
    wide = "concurrency: 8, per_minute: 6000, events_per_minute: 6000, family_limits: false"
    lines += [f"  throttle: {{{wide}}}"]
    lines += ["  egress: {allow_private: [127.0.0.0/8]}"]
    file.write_text("\n".join(lines) + "\n")
    return file


def small(place: Path, seed: int) -> Path:
    """A repository of some commits, as a server keeps it: packed."""
    empty(place)
    made = history.create(place.with_suffix(".new"), seed)
    return _packed(place, made)


def large(place: Path, seed: int) -> Path:
    """A repository of 3 MB: 200 commits, each with a file of 15 kB. They compress badly, so that
    git's work on them, which is the same on both sides, hides nothing."""
    empty(place)
    chance = random.Random(seed)  # noqa: S311 - made-up data
    parts = [
        _commit(number, f"src/part{number // 20}/file{number}", chance.randbytes(_FILE))
        for number in range(_COMMITS)
    ]
    _git(place, "fast-import", "--quiet", stdin=b"".join(parts))
    _git(place, "tag", "-a", "-m", "release", "v1.0.0", "main")
    _git(place, "branch", "stable", "main~20")
    return _packed(place)


def heavy(place: Path, files: int) -> Path:
    """A repository of so many files of 1 MiB that do not compress, a commit for each."""
    empty(place)
    chance = random.Random(0)  # noqa: S311 - made-up data
    with subprocess.Popen(
        ["git", f"--git-dir={place}", "fast-import", "--quiet"], stdin=subprocess.PIPE, env=PLAIN
    ) as child:
        if child.stdin is None:
            raise SystemExit("no pipe")
        for number in range(files):
            child.stdin.write(_commit(number, f"file{number}", chance.randbytes(_MIB)))
        child.stdin.close()
    if child.returncode:
        raise SystemExit("git fast-import failed")
    _git(place, "pack-refs", "--all")
    return place


def _commit(number: int, name: str, data: bytes) -> bytes:
    at = _WHO.format(_EPOCH + 3600 * number)
    head = f"commit refs/heads/main\ncommitter {at}\ndata 7\nchange\n\n"
    return head.encode() + b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data)


def _packed(place: Path, source: Path | None = None) -> Path:
    if source:
        _git(place, "fetch", "--quiet", str(source), "refs/*:refs/*")
    _git(place, "repack", "-adfq")
    _git(place, "pack-refs", "--all")
    (place / "FETCH_HEAD").unlink(missing_ok=True)
    return place


def _git(place: Path, *args: str, stdin: bytes = b"") -> None:
    who = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    command = ["git", f"--git-dir={place}", *args]
    subprocess.run(command, input=stdin, env={**PLAIN, **who}, check=True, capture_output=True)
