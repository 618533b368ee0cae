"""An archive in a folder, and servers that are repositories on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.edge.archive import Archive
from reconciler.edge.child import Git, find_git
from reconciler.edge.fetch import Source
from reconciler.edge.imports import Imports
from reconciler.model.observed import Absent, Listing
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import history

WIDGET = Coordinate("a" * 64, "../../widget")
OTHER = Coordinate("b" * 64, "widget")


@dataclass
class Yard:
    """An archive, and the repositories on disk that its servers serve."""

    folder: Path
    program: str = field(default_factory=find_git)
    asked: list[str] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)
    """Servers that are asked over HTTP; their repositories on disk are what they list."""

    def git(self) -> Git:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return Git(home, self.program)

    def archive(self, **settings: Any) -> Archive:
        """A new one on the same folder, as in the next run."""
        git = self.git()
        imports = Imports(git, self._locate, self._list, **settings)
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

    def _locate(self, server: str, _: Coordinate) -> Source:
        self.asked.append(server)
        if url := self.urls.get(server):
            return Source(url, {}, "http")
        return Source(f"file://{self.folder / 'servers' / server}", {}, "file")

    def _list(self, server: str, _: Coordinate) -> Listing | Absent:
        path = self.folder / "servers" / server
        if not path.exists():
            return Absent()
        out = history.git(path, "for-each-ref", "--format=%(refname) %(objectname)")
        lines = [line.rpartition(" ") for line in out.decode().splitlines()]
        return Listing(tuple((name, oid) for name, _, oid in lines))


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
