"""Our own copy of everything that an authorised state or pull request names: one bare repository a
coordinate, objects kept alive by refs/archive/<object id>.

Import is two steps (git: transfer.fsckObjects): untrusted objects are fetched and checked in a
staging repository that is thrown away, then pushed into the archive, whose receive-pack checks them
again in quarantine and demands that nothing is missing. pygit2 opens only what passed that. The
archive is a cache: delete it, and the next run is only slower.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import pygit2

from reconciler.edge.child import Done, Git
from reconciler.limits import PACK_BYTES
from reconciler.model.observed import Absent, Cause, Listing, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Hunt
from reconciler.world import Failure

_RECEIVE = (
    f"-c receive.fsckObjects=true -c receive.autogc=false -c core.hooksPath={os.devnull} "
    "receive-pack"
)
"""git hands no settings of its environment on to the other side of a push, so these are named."""
Locate = Callable[[str, Coordinate], tuple[str, dict[str, str], str]]
"""Server and coordinate to: clone URL, git settings that pin its address, allowed protocols."""
ListRefs = Callable[[str, Coordinate], Listing | Absent]


class Archive:
    """The archive under one folder; safe to share between threads, one process at a time."""

    def __init__(self, root: Path, git: Git, locate: Locate, list_refs: ListRefs) -> None:
        self._root = root
        self._git = git
        self._locate = locate
        self._list_refs = list_refs
        self._locks: defaultdict[Coordinate, Lock] = defaultdict(Lock)
        self._guard = Lock()
        self._packs: dict[tuple[Coordinate, frozenset[str], frozenset[str]], Path] = {}
        self._work: Path | None = None

    def holds(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """Those of the objects that are here, with everything that they need."""
        repository = _opened(self._path(coordinate)) if oids else None
        if repository is None:
            return frozenset()
        return frozenset(oid for oid in oids if oid in repository)

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> None:
        """Bring objects here, from as many sources as it takes.

        Raises:
            Failure: some object could not be had; the last source's reason is the detail.
        """
        with self._lock(coordinate):
            hunt = Hunt(oids - self.holds(coordinate, oids), sources)
            reason = "no server offers it"
            while ask := hunt.next():
                try:
                    self._import(coordinate, ask.oids, ask.source)
                except Failure as failure:
                    reason = str(failure)
                arrived = self.holds(coordinate, hunt.missing)
                hunt = hunt.begun(ask.source).found(arrived)
            if not hunt.is_complete:
                detail = f"{len(hunt.missing)} objects could not be fetched ({reason})"
                raise Failure(Unknown(Cause.INCOMPLETE, detail))

    def pack(self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]) -> Path:
        """A pack of what `wants` need beyond `haves`; built once a run for equal questions.

        Raises:
            Failure: git could not build it.
        """
        haves = self.holds(coordinate, haves)
        key = (coordinate, wants, haves)
        with self._lock(coordinate):
            if key not in self._packs:
                self._packs[key] = self._build(coordinate, wants, haves)
            return self._packs[key]

    def repair(self) -> None:
        """Remove what a killed run left behind. The caller holds the run lock."""
        for leftover in (self._root / "staging").glob("*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for pattern in ("repositories/*/*.lock", "repositories/*/refs/archive/*.lock"):
            for lock in self._root.glob(pattern):
                lock.unlink(missing_ok=True)
        for quarantine in self._root.glob("repositories/*/objects/tmp_objdir-*"):
            shutil.rmtree(quarantine, ignore_errors=True)

    def close(self) -> None:
        """Remove the packs of this run."""
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)

    def _lock(self, coordinate: Coordinate) -> Lock:
        with self._guard:
            return self._locks[coordinate]

    def _path(self, coordinate: Coordinate) -> Path:
        """By hash: an identifier is anybody's text and never becomes a path."""
        name = hashlib.sha256(str(coordinate).encode()).hexdigest()
        return self._root / "repositories" / name

    def _staging(self) -> Path:
        folder = self._root / "staging"
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder))

    def _import(self, coordinate: Coordinate, missing: frozenset[str], source: str) -> None:
        listing = self._list_refs(source, coordinate)
        refs = listing.refs if isinstance(listing, Listing) else ()
        offered = sorted({oid for _, oid in refs} & missing)
        if not offered:
            return
        archive = self._path(coordinate)
        if _opened(archive) is None:
            shutil.rmtree(archive, ignore_errors=True)  # damaged: fetched anew
            _check(self._git.run("init", "--bare", "--quiet", "--template=", str(archive)))
        staging = self._staging()
        try:
            self._fetch(coordinate, staging, offered, source)
            specs = "refs/stage/*:refs/archive/*"
            receive = f"--receive-pack={shlex.quote(self._git.program)} {_RECEIVE}"
            push = ("push", "--quiet", "--no-verify", receive, str(archive), specs)
            _check(self._git.run(f"--git-dir={staging}", *push, protocols="file"))
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _fetch(
        self, coordinate: Coordinate, staging: Path, offered: list[str], source: str
    ) -> None:
        """Fetch by object id, borrowing the archive's objects so that only new ones travel."""
        _check(self._git.run("init", "--bare", "--quiet", "--template=", str(staging)))
        alternates = staging / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{self._path(coordinate) / 'objects'}\n")
        url, pinned, protocols = self._locate(source, coordinate)
        flags = ("--quiet", "--no-tags", "--no-write-fetch-head", "--stdin")
        done = self._git.run(
            f"--git-dir={staging}",
            "fetch",
            *flags,
            "--",
            url,
            stdin="".join(f"{oid}:refs/stage/{oid}\n" for oid in offered).encode(),
            config=pinned,
            protocols=protocols,
        )
        _check(done)

    def _build(self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]) -> Path:
        with self._guard:
            self._work = self._work or self._staging()
        lines = [*sorted(wants), *(f"^{oid}" for oid in sorted(haves))]
        path = self._work / f"{len(self._packs)}-{abs(hash((coordinate, wants, haves)))}.pack"
        with path.open("wb") as out:
            done = self._git.run(
                f"--git-dir={self._path(coordinate)}",
                "pack-objects",
                "--revs",
                "--stdout",
                "--thin",
                "--delta-base-offset",
                "--quiet",
                stdin="".join(f"{line}\n" for line in lines).encode(),
                out=out,
            )
        _check(done)
        if path.stat().st_size > PACK_BYTES:
            raise Failure(Unknown(Cause.PROTOCOL, "the pack is larger than the limit"))
        return path


def _opened(path: Path) -> pygit2.Repository | None:
    """The repository; None where there is none, or a damaged one."""
    try:
        # git refuses a HEAD that a power cut left empty; libgit2 does not
        if not (path / "HEAD").read_bytes().startswith(b"ref: "):
            return None
        return pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.BARE)
    except (pygit2.GitError, OSError):
        return None


def _check(done: Done) -> None:
    if done.code:
        raise Failure(Unknown(Cause.PROTOCOL, f"git: {done.text()}"))
