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
_LINES = 500
_CHANGED = 100
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
    """Write a desired state of these servers, with a throttle that holds nobody back."""
    lines = ["version: 1", "servers:", *(f"  - {server}" for server in servers)]
    lines += ["npubs:", f"  - {{npub: {owner.npub}, name: {owner.name}}}", "policies:"]
    lines += ["  throttle: {concurrency: 8, per_minute: 6000, events_per_minute: 6000}"]
    lines += ["  egress: {allow_private: [127.0.0.0/8]}"]
    file.write_text("\n".join(lines) + "\n")
    return file


def small(place: Path, seed: int) -> Path:
    """A repository of some commits, as a server keeps it: packed."""
    empty(place)
    made = history.create(place.with_suffix(".new"), seed)
    return _packed(place, made)


def large(place: Path, seed: int, *, commits: int = 560) -> Path:
    """A repository whose pack has about 3 MB: text files of which each commit changes a fifth, so
    that there are deltas as in any other."""
    empty(place)
    chance = random.Random(seed)  # noqa: S311 - made-up text
    files = {f"src/part{n // 10}/file{n}.txt": _text(chance, _LINES) for n in range(40)}
    parts = [_commit(0, files)]
    for number in range(1, commits):
        name = chance.choice(list(files))
        lines = files[name]
        start = chance.randrange(_LINES - _CHANGED)
        files[name] = [*lines[:start], *_text(chance, _CHANGED), *lines[start + _CHANGED :]]
        parts.append(_commit(number, {name: files[name]}))
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
            head = f"commit refs/heads/main\ncommitter {_WHO.format(_EPOCH + number)}\ndata 0\n"
            head += f"M 100644 inline file{number}\ndata {_MIB}\n"
            child.stdin.write(head.encode() + chance.randbytes(_MIB) + b"\n")
        child.stdin.close()
    if child.returncode:
        raise SystemExit("git fast-import failed")
    _git(place, "pack-refs", "--all")
    return place


def _text(chance: random.Random, lines: int) -> list[str]:
    return [chance.randbytes(30).hex() for _ in range(lines)]


def _commit(number: int, files: dict[str, list[str]]) -> bytes:
    at = _WHO.format(_EPOCH + 3600 * number)
    parts = [f"commit refs/heads/main\ncommitter {at}\ndata 7\nchange\n\n".encode()]
    for name, lines in files.items():
        body = ("\n".join(lines) + "\n").encode()
        parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(body), body))
    return b"".join(parts)


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
