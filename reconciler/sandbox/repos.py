"""Bare repositories on disk and the `git` children that read and change them.

A repository's directory is named by hashes, never by what a peer wrote. Children get a scrubbed
environment, no hooks, no configuration but ours, and a wall clock. Blocking: call it from a
worker thread, under the identifier's lock when it writes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from reconciler.errors import PeerFault
from reconciler.git.refname import HEADS, NOSTR, TAGS
from reconciler.limits import CHILD_WALL_SECONDS, PACK_BYTES
from reconciler.nostr.nip34 import Coordinate, is_oid
from reconciler.plumbing import gitenv
from reconciler.plumbing.child import Children, Killed

_SETTINGS = (
    "receive.denyNonFastForwards=false",
    "receive.denyDeletes=false",
    "receive.autogc=false",
    f"receive.maxInputSize={PACK_BYTES}",
    *(f"{name}={value}" for name, value in gitenv.QUIET.items()),
    "protocol.file.allow=always",
)


class GitFailed(PeerFault):
    """git refused what a peer's data asked of it; the text is git's."""


class Repos:
    """All bare repositories of one server."""

    def __init__(self, directory: Path, settings: tuple[str, ...] = ()) -> None:
        """Args: the server's folder, and git settings of its family (`name=value`)."""
        self._settings = (*_SETTINGS, *settings)
        self._root = directory / "git"
        self._home = directory / "home"
        self._home.mkdir(parents=True, exist_ok=True)
        self._root.mkdir(parents=True, exist_ok=True)
        self._children = Children()

    def path(self, coordinate: Coordinate) -> Path:
        """Where the repository lies, whether or not it exists."""
        name = hashlib.sha256(coordinate.identifier.encode()).hexdigest()
        return self._root / coordinate.owner / f"{name}.git"

    def exists(self, coordinate: Coordinate) -> bool:
        """Is there a bare repository?"""
        return (self.path(coordinate) / "HEAD").is_file()

    def existing(self, coordinates: Iterable[Coordinate]) -> tuple[Coordinate, ...]:
        """Those that have a bare repository."""
        return tuple(filter(self.exists, coordinates))

    def ensure(self, coordinate: Coordinate) -> None:
        """Create the bare repository unless it exists."""
        if not self.exists(coordinate):
            path = self.path(coordinate)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.git(None, "init", "--quiet", "--bare", "--template=", str(path))

    def remove(self, coordinate: Coordinate) -> None:
        """Remove the bare repository with all its data."""
        shutil.rmtree(self.path(coordinate), ignore_errors=True)

    # --- reading ---

    def count(self) -> int:
        """How many repositories there are."""
        return sum(1 for _ in self._root.glob("*/*.git"))

    def refs(self, coordinate: Coordinate) -> dict[str, str]:
        """Heads, tags and refs/nostr by full name; empty when there is no repository."""
        if not self.exists(coordinate):
            return {}
        form = "--format=%(objectname) %(refname)"
        output = self.git(coordinate, "for-each-ref", form, HEADS, TAGS, NOSTR)
        lines = output.decode("utf-8", "surrogateescape").splitlines()
        return {name: oid for oid, _, name in (line.partition(" ") for line in lines)}

    def missing(self, coordinate: Coordinate, oids: Iterable[str]) -> frozenset[str]:
        """Which of these objects the repository does not have (only themselves are looked at)."""
        named = frozenset(oids)
        wanted = sorted(filter(is_oid, named))  # git would read other names as refs
        if not wanted or not self.exists(coordinate):
            return named
        text = "".join(f"{oid}\n" for oid in wanted).encode()
        output = self.git(coordinate, "cat-file", "--batch-check=%(objectname)", stdin=text)
        lines = output.decode().splitlines()
        here = {line for line in lines if not line.endswith(" missing")}
        return named - here

    def head(self, coordinate: Coordinate) -> str:
        """The branch that HEAD names (full ref name); empty when it names none."""
        text = (self.path(coordinate) / "HEAD").read_bytes().decode("utf-8", "surrogateescape")
        return text.removeprefix("ref: ").strip() if text.startswith("ref: ") else ""

    def is_ancestor(self, coordinate: Coordinate, old: str, new: str) -> bool:
        """Does `new` reach `old`? False also when one of them is no commit here."""
        try:
            self.git(coordinate, "merge-base", "--is-ancestor", old, new)
        except GitFailed:
            return False
        return True

    # --- writing ---

    def remove_all(self) -> None:
        """Lose every repository."""
        for path in self._root.iterdir():
            shutil.rmtree(path, ignore_errors=True)

    def copy(self, source: Coordinate, target: Coordinate, oids: Iterable[str]) -> None:
        """Fetch these objects, and all they reach, from one local repository to another."""
        wanted = sorted(oids)
        for start in range(0, len(wanted), 500):  # keeps argv far below the kernel's limit
            part = wanted[start : start + 500]
            flags = ("--quiet", "--no-tags", "--no-write-fetch-head")
            self.git(target, "fetch", *flags, str(self.path(source)), *part)

    def update(self, coordinate: Coordinate, changes: dict[str, str | None]) -> None:
        """Set refs (None deletes), deletes first, so that `a` can make room for `a/b`.

        All at once; when git refuses the batch (names that clash, a branch that is no commit),
        one by one, and the impossible ones are left out.
        """
        deletes = [f"delete {name}\0\0" for name, oid in sorted(changes.items()) if oid is None]
        updates = [f"update {name}\0{oid}\0\0" for name, oid in sorted(changes.items()) if oid]
        for batch in (deletes, updates):
            if batch and not self._update_refs(coordinate, "".join(batch)):
                for line in batch:
                    self._update_refs(coordinate, line)

    def set_head(self, coordinate: Coordinate, branch: str) -> None:
        """Let HEAD name this branch (full ref name)."""
        self.git(coordinate, "symbolic-ref", "HEAD", branch)

    def _update_refs(self, coordinate: Coordinate, text: str) -> bool:
        data = text.encode("utf-8", "surrogateescape")
        try:
            self.git(coordinate, "update-ref", "--stdin", "-z", stdin=data)
        except GitFailed:
            return False
        return True

    # --- children ---

    def argv(self, coordinate: Coordinate | None, *args: str) -> list[str]:
        """The command line of a git child."""
        where = [] if coordinate is None else [f"--git-dir={self.path(coordinate)}"]
        # what anybody pushed to refs/replace is for git's own services, and not for us
        plain = [] if args[0] in ("receive-pack", "upload-pack") else ["--no-replace-objects"]
        return ["git", *plain, *where, *(x for s in self._settings for x in ("-c", s)), *args]

    def environment(self, protocol: str = "") -> dict[str, str]:
        """All that a git child gets to see of ours; `protocol` is GIT_PROTOCOL."""
        path = os.environ.get("PATH", os.defpath)
        given = gitenv.environment(self._home, path=path)
        return given | ({"GIT_PROTOCOL": protocol} if protocol else {})

    def git(
        self,
        coordinate: Coordinate | None,
        *args: str,
        stdin: bytes | IO[bytes] = b"",
        protocol: str = "",
    ) -> bytes:
        """Run git to its end and return what it printed.

        Raises:
            GitFailed: it failed, took too long or printed more than CHILD_OUTPUT_BYTES.
        """
        try:
            done = self._children.run(
                self.argv(coordinate, *args),
                env=self.environment(protocol),
                cwd=self._home,
                seconds=CHILD_WALL_SECONDS,
                stdin=stdin,
            )
        except Killed as killed:
            raise GitFailed(f"git {args[0]}: {killed}") from None
        if done.code:
            text = done.err.decode("utf-8", "replace").strip()[:1000]
            raise GitFailed(f"git {args[0]} failed ({done.code}): {text}")
        return done.out

    def kill_children(self) -> None:
        """End every running child at once and start no more; who waits gets GitFailed."""
        self._children.kill()
