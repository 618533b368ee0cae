"""The real programs, found by environment, and started on loopback in temporary folders.

A server's start command is called as `<command> PORT DATADIR`; it runs in the foreground, serves
127.0.0.1:PORT under that very name, keeps all its files in DATADIR, and ends on SIGTERM.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAMILIES = {
    "ngit-grasp": "GRASP_NGIT_GRASP",
    "ngit-relay": "GRASP_NGIT_RELAY",
    "khatru": "GRASP_KHATRU",
}
"""Server families, and the variables that hold their start commands."""
TOOLS = {"ngit": "NGIT", "grasp-audit": "GRASP_AUDIT", "nak": "NAK"}
"""Other programs, and the variables that hold their paths."""
RUNNING: dict[int, subprocess.Popen[bytes]] = {}
"""Every server's process that was not stopped yet, by its id."""
_READY_SECONDS = 20.0
_STOP_SECONDS = 10.0


class Broken(Exception):
    """A program did not do what its contract says: nobody's scenario failed."""


@dataclass(frozen=True)
class Programs:
    """What this machine has: start commands by family, and paths of tools by name."""

    servers: Mapping[str, tuple[str, ...]]
    tools: Mapping[str, str]

    @classmethod
    def found(cls, environment: Mapping[str, str]) -> Programs:
        """Read the environment; a name that is empty or absent is not there."""
        servers = {f: tuple(shlex.split(environment.get(v, ""))) for f, v in FAMILIES.items()}
        tools = {name: environment.get(variable, "") for name, variable in TOOLS.items()}
        return cls({f: c for f, c in servers.items() if c}, {n: p for n, p in tools.items() if p})

    def have(self) -> frozenset[str]:
        """Names of all that is here."""
        return frozenset(self.servers) | frozenset(self.tools)

    def versions(self, folder: Path) -> dict[str, str]:
        """What each says of itself: NIP-11 of servers, `--version` of programs."""
        found = {"git": _version("git")}
        for family, command in self.servers.items():
            server = Server(family, command, folder / family)
            server.start()
            found[family] = server.version()
            server.stop()
        for name, path in self.tools.items():
            found[name] = _version(path)
        return found


@dataclass
class Server:
    """A running server of a family."""

    family: str
    command: tuple[str, ...]
    folder: Path
    port: int = 0
    born: float = 0.0
    """When it was started last, on the monotonic clock."""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Its base URL; also how announcements name it."""
        return f"http://{self.host}"

    @property
    def pid(self) -> int:
        """Its process, which must run."""
        assert self._process is not None, f"{self.family} does not run"
        return self._process.pid

    @property
    def host(self) -> str:
        """Its name in URLs and reports."""
        return f"127.0.0.1:{self.port}"

    @property
    def relay_url(self) -> str:
        """Its relay."""
        return f"ws://{self.host}"

    @property
    def data(self) -> Path:
        """Where its files are."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it, again on the same port and folder if it ran before; returns once it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = self.port or _free_port()
        self.born = time.monotonic()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command, str(self.port), str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        RUNNING[self._process.pid] = self._process
        until = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise Broken(f"{self.family} did not start:\n{self.log()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM; what is left of its process group after a while is killed."""
        process, self._process = self._process, None
        if process is not None:
            end(process)

    def log(self) -> str:
        """The end of what it printed."""
        return (self.folder / "log").read_text("utf-8", "replace")[-2000:]

    def info(self) -> dict[str, Any]:
        """Its NIP-11 document."""
        request = urllib.request.Request(self.url, headers={"Accept": "application/nostr+json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def version(self) -> str:
        """Software and version as it says itself."""
        info = self.info()
        software = str(info.get("software", "")).rpartition("/")[2].removesuffix(".git")
        return f"{software} {info.get('version', '')}".strip() or "says nothing"

    def _answers(self) -> bool:
        try:
            self.info()
        except (OSError, ValueError):
            return False
        return True


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM; its process group is killed when that does not help."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    RUNNING.pop(process.pid, None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _version(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        return "not found"
    argv = [path, "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "says nothing"
