"""What servers really show, read by plain WebSocket and the git program, and how it is judged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from tests.kit.outsiders import JsonEvent, verified

from .source import git

_SECONDS = 10.0
KINDS = [0, 1, 5, 7, 1111, 1617, 1618, 1619, 1621, 1630, 1631, 1632, 1633, 1985, 30617, 30618]
_ADDRESSES = iter(range(1, 250 * 250))


def connect(url: str) -> websocket.WebSocket:
    """A connection, each from an address of its own where a server believes X-Forwarded-For, so
    that the judge spends nobody's budget."""
    number = next(_ADDRESSES)
    header = [f"X-Forwarded-For: 203.0.{number // 250}.{number % 250 + 1}"]
    return websocket.create_connection(url, timeout=_SECONDS, header=header)


def ask(url: str, **conditions: Any) -> list[JsonEvent]:
    """Verified events that match `kinds`, `authors`, `ids` of one filter, whatever the relay's own
    index thinks; newest first."""
    socket = connect(url)
    try:
        socket.send(json.dumps(["REQ", "judge", conditions]))
        found = []
        while (message := json.loads(socket.recv()))[0] in ("EVENT", "NOTICE", "AUTH"):
            if message[0] == "EVENT" and _matches(message[2], conditions):
                found.append(message[2])
    finally:
        socket.close()
    if message[0] != "EOSE":
        raise AssertionError(f"{url} answered {message}")
    if bad := [event["id"] for event in found if not verified(event)]:
        raise AssertionError(f"{url} serves forged events: {bad}")
    return sorted(found, key=lambda e: (-e["created_at"], e["id"]))


def _matches(event: JsonEvent, conditions: Mapping[str, Any]) -> bool:
    names = {"kinds": "kind", "authors": "pubkey", "ids": "id"}
    return all(event[n] in conditions[k] for k, n in names.items() if k in conditions)


def tell(url: str, *events: JsonEvent) -> list[tuple[bool, str]]:
    """Publish; the OKs."""
    socket = connect(url)
    answers = []
    try:
        for event in events:
            socket.send(json.dumps(["EVENT", event]))
            while (message := json.loads(socket.recv()))[0] != "OK":
                pass
            answers.append((bool(message[2]), str(message[3])))
    finally:
        socket.close()
    return answers


def tag(event: JsonEvent, name: str) -> list[str]:
    """Values of the first tag of a name."""
    return next((t[1:] for t in event["tags"] if t[0] == name), [])


@dataclass(frozen=True)
class Listing:
    """What `git ls-remote --symref` shows: refs by name (peeled ones left out), and HEAD's."""

    refs: Mapping[str, str]
    head: str

    def state(self) -> dict[str, str]:
        """Branches and tags."""
        wanted = ("refs/heads/", "refs/tags/")
        return {n: o for n, o in self.refs.items() if n.startswith(wanted)}


def listing(url: str) -> Listing | None:
    """Read a repository; None when git cannot."""
    done = git("ls-remote", "--symref", url)
    if done.code:
        return None
    pairs = [line.split("\t") for line in done.out.splitlines()]
    heads = [first[5:] for first, name in pairs if name == "HEAD" and first.startswith("ref: ")]
    refs = {n: o for o, n in pairs if n.startswith("refs/") and "^" not in n}
    return Listing(refs, heads[0] if heads else "")


def clones(url: str, folder: Path) -> str:
    """Does git clone it, whole? The empty text, or what git says."""
    done = git("clone", "-q", "--mirror", url, folder)
    if not done.code:
        done = git("fsck", "--full", "--no-dangling", cwd=folder)
    return done.err.strip() if done.code else ""


def eventually(found: Callable[[], list[str]], seconds: float = 5.0) -> list[str]:
    """Complaints that are still there after some seconds; servers finish things behind an OK."""
    end = time.monotonic() + seconds
    while (complaints := found()) and time.monotonic() < end:
        time.sleep(0.3)
    return complaints
