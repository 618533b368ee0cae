"""Git repositories with a history, written through `git fast-import`, and how it gets to servers: a
WebSocket for events, the `git` program for pushes.

Each has a main branch with a merge, a branch `feature/…`, a branch with a non-ASCII name, an
annotated and a light tag. Equal seeds give equal object ids.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import websocket

from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event
from reconciler.nostr.messages import Ok
from reconciler.plumbing import gitenv

_NOWHERE = Path(os.devnull)
_SECONDS = 20
_EPOCH = 1_700_000_000
_WHO = "A Developer <developer@example.org>"
_WORDS = [
    "parse",
    "render",
    "index",
    "merge",
    "split",
    "cache",
    "verify",
    "stream",
    "retry",
    "limit",
]


def create(path: Path, seed: int, *, commits: int = 12) -> Path:
    """A bare repository at `path`."""
    git(None, "init", "--bare", "--quiet", "--template=", "--initial-branch=main", str(path))
    chance = random.Random(seed)
    stream = _Stream(chance)
    for _ in range(commits):
        stream.commit("refs/heads/main")
    stream.branch("refs/heads/feature/search", "refs/heads/main")
    for _ in range(2):
        stream.commit("refs/heads/feature/search")
    stream.commit("refs/heads/main", merge="refs/heads/feature/search")
    stream.branch("refs/heads/über-größe", "refs/heads/main")
    stream.commit("refs/heads/über-größe")
    stream.tag("v1.0.0", "refs/heads/main")
    stream.light_tag("nightly", "refs/heads/main")
    stream.run(path)
    return path


def extend(path: Path, seed: int, branch: str = "main", *, start: str | None = None) -> str:
    """One commit more on a branch, or on a rewritten one that starts at `start`; its id."""
    name = f"refs/heads/{branch}"
    stream = _Stream(random.Random(seed), clock=_EPOCH + 10_000_000 + seed)
    exists = name in refs(path)
    stream.branch(name, start or (f"{name}^0" if exists else "refs/heads/main^0"))
    stream.commit(name)
    stream.run(path, "--force")
    return refs(path)[name]


def delete(path: Path, name: str) -> None:
    """Remove a ref."""
    git(path, "update-ref", "-d", name)


def refs(path: Path) -> dict[str, str]:
    """Heads and tags: full name to object id."""
    out = git(path, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags")
    lines = (line.rpartition(" ") for line in out.decode().splitlines())
    return {name: oid for name, _, oid in lines}


def git(path: Path | None, *args: str, stdin: bytes = b"") -> bytes:
    """Run git without anybody's configuration; its stdout."""
    where = (f"--git-dir={path}",) if path else ()
    environment = gitenv.environment(
        _NOWHERE, protocols="file:http:https", path=os.environ.get("PATH", os.defpath)
    )
    done = subprocess.run(
        ["git", *where, *args], input=stdin, env=environment, capture_output=True, check=False
    )
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise RuntimeError(f"git {args[0]}: {words}")
    return done.stdout


def send(server: str, events: Iterable[Event]) -> tuple[Ok, ...]:
    """Publish events to a server, in order; the OKs."""
    connection = websocket.create_connection(urls.relay(server), timeout=_SECONDS)
    try:
        return tuple(_send(connection, event) for event in events)
    finally:
        connection.close()


def push(path: Path, server: str, pubkey: str, identifier: str, refs: Mapping[str, str]) -> None:
    """Push these refs (name to object id, empty: delete) with the git program, in one push."""
    specs = [f"+{oid}:{name}" if oid else f":{name}" for name, oid in sorted(refs.items())]
    git(path, "push", "--quiet", urls.clone(server, pubkey, identifier), *specs)


def _send(connection: websocket.WebSocket, event: Event) -> Ok:
    connection.send(messages.event(event))
    while True:
        answer = messages.parse_relay(connection.recv())
        if isinstance(answer, Ok) and answer.event_id == event.id:
            return answer


class _Stream:
    """Writes a fast-import stream (git: git-fast-import "Input Format")."""

    def __init__(self, chance: random.Random, clock: int = _EPOCH) -> None:
        self._chance = chance
        self._clock = clock
        self._parts: list[bytes] = []

    def commit(self, ref: str, *, merge: str | None = None) -> None:
        self._clock += 3600
        word = self._chance.choice(_WORDS)
        message = f"{word}: {self._chance.randrange(10_000)}\n".encode()
        name = f"src/{word}{self._chance.randrange(5)}.txt"
        body = self._chance.randbytes(400).hex().encode() + b"\n"
        self._say(f"commit {ref}")
        self._say(f"committer {_WHO} {self._clock} +0000")
        self._data(message)
        if merge:
            self._say(f"merge {merge}")
        self._say(f"M 100644 inline {name}")
        self._data(body)

    def branch(self, ref: str, start: str) -> None:
        self._say(f"reset {ref}")
        self._say(f"from {start}\n")

    def light_tag(self, name: str, start: str) -> None:
        self.branch(f"refs/tags/{name}", start)

    def tag(self, name: str, start: str) -> None:
        self._say(f"tag {name}")
        self._say(f"from {start}")
        self._say(f"tagger {_WHO} {self._clock} +0000")
        self._data(f"release {name}\n".encode())

    def run(self, path: Path, *flags: str) -> None:
        git(path, "fast-import", "--quiet", *flags, stdin=b"".join(self._parts))

    def _say(self, line: str) -> None:
        self._parts.append(line.encode() + b"\n")

    def _data(self, data: bytes) -> None:
        self._parts.append(b"data %d\n%s\n" % (len(data), data))
