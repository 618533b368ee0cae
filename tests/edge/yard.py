"""An archive in a folder, and servers that are repositories on disk behind git's own web server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.edge.advertised import Advertised
from reconciler.edge.archive import Archive
from reconciler.edge.child import Git, find_git
from reconciler.edge.fetch import Uploads
from reconciler.edge.http import Http
from reconciler.edge.imports import Imports
from reconciler.limits import FETCH_IDLE_SECONDS
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import history
from tests.kit.clients import web

WIDGET = Coordinate("a" * 64, "../../widget")
OTHER = Coordinate("b" * 64, "widget")


@dataclass
class Yard:
    """An archive, and the repositories on disk that its servers serve at `host`. `asked` are those
    from which something was fetched."""

    folder: Path
    host: str
    program: str = field(default_factory=find_git)
    asked: list[str] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)
    """Servers that are elsewhere."""

    def git(self) -> Git:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return Git(home, self.program)

    def archive(self, **settings: Any) -> Archive:
        """A new one on the same folder, as in the next run."""
        git = self.git()
        http = web()
        uploads = _Asked(self.asked, http, Advertised(http, self._address))
        imports = Imports(git, uploads, **settings)
        return Archive(self.folder / "archive", git, imports)

    def server(self, name: str) -> Path:
        """An empty repository that serves any object (as GRASP servers do)."""
        path = self.folder / "servers" / name
        history.git(None, "init", "--bare", "--quiet", "--initial-branch=main", str(path))
        history.git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
        return path

    def repository(self) -> Path:
        """Where the archive keeps its only repository."""
        (path,) = (self.folder / "archive" / "repositories").iterdir()
        return path

    def staged(self) -> list[Path]:
        return list((self.folder / "archive" / "staging").glob("*"))

    def _address(self, server: str, _: Coordinate) -> str:
        return self.urls.get(server) or f"{self.host}/{server}"


class _Asked(Uploads):
    """Writes down who is asked for a pack."""

    def __init__(self, asked: list[str], http: Http, advertised: Advertised) -> None:
        super().__init__(http, advertised)
        self._asked = asked

    @contextmanager
    def pack(
        self,
        server: str,
        coordinate: Coordinate,
        wants: frozenset[str],
        haves: frozenset[str],
        *,
        idle: float = FETCH_IDLE_SECONDS,
    ) -> Iterator[Iterator[bytes]]:
        self._asked.append(server)
        with super().pack(server, coordinate, wants, haves, idle=idle) as chunks:
            yield chunks


def offer(yard: Yard, origin: Path, name: str, *refs: str) -> Path:
    """A server with these refs of the origin."""
    path = yard.server(name)
    history.git(origin, "push", "--quiet", f"file://{path}", *(f"{ref}:{ref}" for ref in refs))
    return path


def tips(origin: Path) -> dict[str, str]:
    return history.refs(origin)


def wrap(yard: Yard, case: str, body: str) -> None:
    """Let git be a program that does as `body` says ($git: the real one) in calls like `case`."""
    program = yard.folder / "git-in-disguise"
    program.write_text(
        f"#!/bin/sh\ngit={find_git()}\n"
        f'case "$*" in\n*"{case}"*) {body} ;;\n*) exec $git "$@" ;;\nesac\n'
    )
    program.chmod(0o700)
    yard.program = str(program)
