"""Our own copy of everything that an authorised state or pull request names: one bare repository a
coordinate, objects kept alive by refs/archive/<object id>.

Import is two steps (git: transfer.fsckObjects): untrusted objects are fetched and checked in a
staging repository that is thrown away, then pushed into the archive, whose receive-pack checks them
again in quarantine and demands that nothing is missing.

The archive is a cache: delete it, and the next run is only slower. So a damaged repository is put
aside, and what a run needs of it is fetched again in that run. One is put aside, for a person who
looks for commits that no server has any more; the next one takes its place.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from reconciler.edge.child import Git
from reconciler.edge.store import Store, check
from reconciler.limits import PACK_BYTES
from reconciler.model.observed import Absent, Cause, Listing, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Hunt
from reconciler.world import Ancestry, Failure

Locate = Callable[[str, Coordinate], tuple[str, dict[str, str], str]]
"""Server and coordinate to: clone URL, git settings that pin its address, allowed protocols."""
ListRefs = Callable[[str, Coordinate], Listing | Absent]


class Archive:
    """The archive under one folder; safe to share between threads.

    Questions change nothing, so a run that only plans may ask them beside one that applies. All
    else wants the run lock, and first a `repair`.
    """

    def __init__(self, root: Path, git: Git, locate: Locate, list_refs: ListRefs) -> None:
        self._root = root
        self._git = git
        self._locate = locate
        self._list_refs = list_refs
        self._is_ours = False
        self._guard = Lock()
        self._locks: defaultdict[Coordinate, Lock] = defaultdict(Lock)
        self._examined: set[Coordinate] = set()
        self._whole: set[Coordinate] = set()
        self._sources: dict[Coordinate, tuple[str, ...]] = {}
        self._packs: dict[tuple[Coordinate, frozenset[str], frozenset[str]], Path] = {}
        self._work: Path | None = None

    # --- questions ---

    def holds(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """Those of the objects that are here. What they need should be here too: it was when they
        came, and `pack` brings it in again when it is not."""
        return self._store(coordinate).holds(oids)

    def ancestry(
        self, coordinate: Coordinate, pairs: tuple[tuple[str, str], ...]
    ) -> tuple[Ancestry, ...]:
        """Of each (old, new) in turn, what the archive knows; raises nothing."""
        store = self._store(coordinate)
        found = store.ancestry(pairs)
        unsure = frozenset(oid for a in found if a.forward is None for oid in (a.old, a.new))
        if unsure and self._is_ours and store.holds(unsure):
            with self._lock(coordinate), suppress(Failure):
                self._put_aside_if_damaged(coordinate)
        return found

    # --- changes ---

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> None:
        """Bring objects here, from as many sources as it takes.

        Raises:
            Failure: some object could not be had; the last source's reason is the detail.
        """
        with self._lock(coordinate):
            known = self._sources.get(coordinate, ())
            self._sources[coordinate] = tuple(dict.fromkeys((*sources, *known)))
            self._gather(coordinate, oids, sources)

    def keep(self, coordinate: Coordinate, oid: str, sources: tuple[str, ...]) -> None:
        """Bring one object here, and let it stay whatever becomes of those that need it.

        Raises:
            Failure: it could not be had.
        """
        self.gather(coordinate, frozenset({oid}), sources)
        with self._lock(coordinate):
            self._store(coordinate).keep(oid)

    def pack(self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]) -> Path:
        """A pack of what `wants` need beyond `haves`; built once a run for equal questions.

        What is damaged or not here any more is fetched again from the sources of `gather`.

        Raises:
            Failure: git could not build it.
        """
        with self._lock(coordinate):
            try:
                return self._packed(coordinate, wants, haves)
            except Failure:
                if not self._put_aside_if_damaged(coordinate):
                    raise
            self._gather(coordinate, wants, self._sources.get(coordinate, ()))
            return self._packed(coordinate, wants, haves)

    def repair(self) -> None:
        """Remove what a killed run left behind. The caller holds the run lock."""
        self._is_ours = True
        for leftover in (self._root / "staging").glob("*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for pattern in ("*.lock", "refs/archive/*.lock", "objects/pack/*tmp*"):
            for file in self._root.glob(f"repositories/*/{pattern}"):
                file.unlink(missing_ok=True)
        for quarantine in self._root.glob("repositories/*/objects/tmp_objdir-*"):
            shutil.rmtree(quarantine, ignore_errors=True)

    def close(self) -> None:
        """Remove the packs of this run."""
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)

    # --- places ---

    def _lock(self, coordinate: Coordinate) -> Lock:
        with self._guard:
            return self._locks[coordinate]

    def _store(self, coordinate: Coordinate) -> Store:
        """By hash: an identifier is anybody's text and never becomes a path."""
        name = hashlib.sha256(str(coordinate).encode()).hexdigest()
        return Store(self._root / "repositories" / name, self._git)

    def _staging(self) -> Path:
        folder = self._root / "staging"
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder))

    # --- under the lock of the coordinate ---

    def _gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> None:
        hunt, reason = self._hunt(coordinate, oids, sources)
        if not hunt.is_complete and self._put_aside_if_damaged(coordinate):
            hunt, reason = self._hunt(coordinate, oids, sources)
        if not hunt.is_complete:
            detail = f"{len(hunt.missing)} objects could not be fetched ({reason})"
            raise Failure(Unknown(Cause.INCOMPLETE, detail))

    def _hunt(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[Hunt, str]:
        store = self._store(coordinate)
        hunt = Hunt(oids - store.holds(oids), sources)
        reason = "no server offers it"
        while ask := hunt.next():
            try:
                self._import(coordinate, ask.oids, ask.source)
            except Failure as failure:
                reason = str(failure)
            hunt = hunt.begun(ask.source).found(store.holds(hunt.missing))
        return hunt, reason

    def _import(self, coordinate: Coordinate, missing: frozenset[str], source: str) -> None:
        listing = self._list_refs(source, coordinate)
        refs = listing.refs if isinstance(listing, Listing) else ()
        offered = sorted({oid for _, oid in refs} & missing)
        if not offered:
            return
        store = self._store(coordinate)
        store.create()
        staging = self._staging()
        try:
            self._fetch(coordinate, staging, offered, source)
            store.receive(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _fetch(
        self, coordinate: Coordinate, staging: Path, offered: list[str], source: str
    ) -> None:
        """Fetch by object id, borrowing the archive's objects so that only new ones travel."""
        check(self._git.run("init", "--bare", "--quiet", "--template=", str(staging)))
        alternates = staging / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{self._store(coordinate).path / 'objects'}\n")
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
        check(done)

    def _packed(self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]) -> Path:
        store = self._store(coordinate)
        if coordinate not in self._whole:
            if store.is_torn():
                raise Failure(Unknown(Cause.LOCAL, "a pack of the archive is damaged"))
            self._whole.add(coordinate)
        held = store.holds(wants | haves)
        if not wants <= held:
            raise Failure(Unknown(Cause.INCOMPLETE, "the archive lacks what is to be sent"))
        key = (coordinate, wants, haves & held)
        if key not in self._packs:
            self._packs[key] = self._build(store, *key[1:])
        return self._packs[key]

    def _build(self, store: Store, wants: frozenset[str], haves: frozenset[str]) -> Path:
        with self._guard:
            self._work = self._work or self._staging()
        with tempfile.NamedTemporaryFile(dir=self._work, suffix=".pack", delete=False) as out:
            store.pack(wants, haves, out)
        path = Path(out.name)
        if path.stat().st_size > PACK_BYTES:
            raise Failure(Unknown(Cause.PROTOCOL, "the pack is larger than the limit"))
        return path

    def _put_aside_if_damaged(self, coordinate: Coordinate) -> bool:
        """Something failed: was it our own repository? Looked at once a run. Raises Failure."""
        store = self._store(coordinate)
        if coordinate in self._examined:
            return False
        self._examined.add(coordinate)
        if not store.is_torn() and not store.is_damaged():
            return False
        aside = self._root / "damaged" / store.path.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        store.path.rename(aside)
        return True
