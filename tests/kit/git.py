"""The git program: as a client, and as its own smart-HTTP server over repositories on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.conformance import work
from reconciler.conformance.people import Person
from reconciler.conformance.work import git
from reconciler.nostr import nip19, urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo.host import plain_host
from reconciler.sandbox.server import RunningServer

__all__ = ["ZERO", "Work", "backend", "git", "git_dir"]

ZERO = "0" * 40


@dataclass
class Work(work.Work):
    """A local bare repository that pushes to our own servers."""

    def push(self, server: RunningServer, owner: Person, identifier: str, *specs: str) -> bool:
        """Did `git push` succeed?"""
        url = urls.clone(server.url, owner.pubkey, identifier)
        return self.git("push", url, *specs, check=False).startswith("0\n")


def git_dir(root: Path, coordinate: Coordinate) -> Path:
    """Where `backend` looks for a repository."""
    return root / nip19.npub(coordinate.owner) / f"{coordinate.identifier}.git"


backend = plain_host
"""git's own smart-HTTP server over all repositories under a folder."""
