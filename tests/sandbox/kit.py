"""What the tests of the sandbox share: people with keys, a relay client, a git client, a clock."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

from reconciler.nostr import bip340, kinds, urls
from reconciler.nostr.event import Draft, Event, Tag, seal, verify
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer

NOW = int(time.time()) - 1000
ZERO = "0" * 40
PARKED = "purgatory: won't be served until git data arrives"


@dataclass
class Clock:
    """The only thing that is not real: a clock that tests move."""

    offset: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += seconds


@dataclass(frozen=True)
class Person:
    """Somebody with a key."""

    name: str

    @property
    def secret(self) -> bytes:
        return hashlib.sha256(b"sandbox test " + self.name.encode()).digest()

    @property
    def pubkey(self) -> str:
        return bip340.public_key(self.secret).hex()

    def sign(self, kind: int, *tags: Tag, content: str = "", at: int = NOW) -> Event:
        draft = Draft(self.pubkey, at, kind, tags, content)
        return seal(draft, bip340.sign(self.secret, bytes.fromhex(draft.id)))

    def announce(
        self,
        server: RunningServer,
        identifier: str,
        *maintainers: Person,
        at: int = NOW,
        extra: tuple[Tag, ...] = (),
    ) -> Event:
        tags: list[Tag] = [
            ("d", identifier),
            ("clone", urls.clone(server.url, self.pubkey, identifier)),
            ("relays", server.relay_url),
        ]
        if maintainers:
            tags.append(("maintainers", *(m.pubkey for m in maintainers)))
        return self.sign(kinds.ANNOUNCEMENT, *tags, *extra, at=at)

    def state(
        self, identifier: str, refs: dict[str, str], *, head: str = "main", at: int = NOW
    ) -> Event:
        tags = [("d", identifier), *refs.items(), ("HEAD", f"ref: refs/heads/{head}")]
        return self.sign(kinds.STATE, *tags, at=at)

    def pull(self, owner: Person, identifier: str, commit: str, *, at: int = NOW) -> Event:
        address = f"{kinds.ANNOUNCEMENT}:{owner.pubkey}:{identifier}"
        return self.sign(kinds.PULL_REQUEST, ("a", address), ("c", commit), at=at)


ALICE, BOB, CAROL, MALLORY = (Person(n) for n in ("alice", "bob", "carol", "mallory"))


@dataclass
class Relay:
    """A plain NIP-01 client on `websocket-client`."""

    url: str
    socket: websocket.WebSocket = field(init=False)

    def __post_init__(self) -> None:
        self.socket = websocket.create_connection(self.url, timeout=10)

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *message: Any) -> None:
        self.socket.send(json.dumps(message))

    def receive(self) -> Any:
        return json.loads(self.socket.recv())

    def publish(self, event: Event) -> tuple[bool, str]:
        """The OK's accepted and message."""
        self.send("EVENT", event.to_json())
        while (message := self.receive())[0] != "OK":
            pass
        assert message[1] == event.id
        return message[2], message[3]

    def query(self, *filters: dict[str, Any], name: str = "q") -> list[Event]:
        """Everything up to EOSE, then CLOSE."""
        self.send("REQ", name, *filters)
        found = []
        while (message := self.receive())[0] != "EOSE":
            assert message[:2] == ["EVENT", name]
            found.append(verify(message[2]))
        self.send("CLOSE", name)
        return found

    def count(self, *filters: dict[str, Any]) -> int:
        self.send("COUNT", "c", *filters)
        message = self.receive()
        assert message[:2] == ["COUNT", "c"]
        return int(message[2]["count"])


def publish(server: RunningServer, *events: Event) -> list[tuple[bool, str]]:
    """Publish on a fresh connection."""
    with Relay(server.relay_url) as relay:
        return [relay.publish(event) for event in events]


def served(server: RunningServer, **conditions: Any) -> list[str]:
    """Ids of what the relay answers to one filter, over the wire."""
    with Relay(server.relay_url) as relay:
        return [event.id for event in relay.query(conditions)]


def git(*args: str | Path, cwd: Path | None = None, check: bool = True, protocol: int = 2) -> str:
    """The git program as a client; its stdout. With check=False, stdout and stderr."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _WHO},
    }
    done = subprocess.run(
        ["git", "-c", f"protocol.version={protocol}", "-c", "gc.auto=0", *args],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"git {args} failed: {done.stdout}{done.stderr}")
    return done.stdout.strip() if check else f"{done.returncode}\n{done.stdout}{done.stderr}"


_WHO = (("NAME", "t"), ("EMAIL", "t@example.org"), ("DATE", "1700000000 +0000"))


@dataclass
class Work:
    """A local bare repository that a person works in."""

    path: Path

    def commit(self, text: str, parent: str | None = None) -> str:
        """A commit that nothing names yet."""
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            cwd=self.path,
            input=text.encode(),
            capture_output=True,
            check=True,
        )
        listing = f"100644 blob {blob.stdout.decode().strip()}\tfile\n"
        tree = subprocess.run(
            ["git", "mktree"],
            cwd=self.path,
            input=listing.encode(),
            capture_output=True,
            check=True,
        )
        parents = ["-p", parent] if parent else []
        return self.git("commit-tree", tree.stdout.decode().strip(), *parents, "-m", text)

    def pack(self, commit: str) -> bytes:
        """A pack with everything that the commit reaches."""
        argv = ["git", "pack-objects", "--quiet", "--revs", "--stdout"]
        done = subprocess.run(
            argv, cwd=self.path, input=commit.encode(), capture_output=True, check=True
        )
        return done.stdout

    def git(self, *args: str, check: bool = True, protocol: int = 2) -> str:
        return git(*args, cwd=self.path, check=check, protocol=protocol)

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
