"""Our own copy of everything that an authorised state or pull request names: one bare repository a
coordinate, objects kept alive by refs/archive/<object id>.

The archive is a cache: delete it, and the next run is only slower. So a damaged repository is put
aside, and what a run needs of it is fetched again in that run. One is put aside, for a person who
looks for commits that no server has any more; the next one takes its place.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from reconciler.edge.child import Git
from reconciler.edge.imports import Imports
from reconciler.edge.packs import Key, Packs
from reconciler.edge.store import Store
from reconciler.model.observed import Ancestry, BadSource, Cause, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Ask, Hunt
from reconciler.world import Failure, NotGathered


class Archive:
    """The archive under one folder; safe to share between threads.

    Questions change nothing, so a run that only plans may ask them beside one that applies. All
    else wants the run lock, and first a `repair`.
    """

    def __init__(self, root: Path, git: Git, imports: Imports) -> None:
        """Args: its folder, git, and how it comes by objects."""
        self._root = root
        self._git = git
        self._imports = imports
        self._is_ours = False
        self._guard = Lock()
        self._locks: defaultdict[Coordinate, Lock] = defaultdict(Lock)
        self._examined: set[Coordinate] = set()
        self._whole: set[Coordinate] = set()
        self._sources: dict[Coordinate, tuple[str, ...]] = {}
        self._held: defaultdict[Coordinate, set[str]] = defaultdict(set)
        self._packs = Packs(root / "staging")

    # --- questions ---

    def holds(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """Those of the objects that are here. What they need should be here too: it was when they
        came, and `pack` brings it in again when it is not. What was here once in this run is, until
        it is found damaged."""
        held = self._held[coordinate]
        if unknown := oids - held:
            held |= self._store(coordinate).holds(unknown)
        return oids & held

    def ancestry(
        self, coordinate: Coordinate, pairs: tuple[tuple[str, str], ...]
    ) -> tuple[Ancestry, ...]:
        """Of each (old, new) in turn, what the archive knows; raises nothing."""
        store = self._store(coordinate)
        found = store.ancestry(pairs)
        unsure = [frozenset((a.old, a.new)) for a in found if a.forward is None]
        if unsure and self._is_ours:
            held = store.holds(frozenset().union(*unsure))
            if any(pair <= held for pair in unsure):
                with self._lock(coordinate), suppress(Failure, OSError):
                    self._put_aside_if_damaged(coordinate)
        return found

    def root(self, coordinate: Coordinate, oid: str) -> str | None:
        """The first commit of the main line that leads to this one; None: it cannot be told."""
        return self._store(coordinate).root(oid)

    # --- changes ---

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[BadSource, ...]:
        """Bring objects here, from as many sources as it takes; the sources that failed.

        Raises:
            NotGathered: some object could not be had.
            Failure: it is this machine's fault (LOCAL).
        """
        with self._lock(coordinate), _ours(self._root):
            known = self._sources.get(coordinate, ())
            self._sources[coordinate] = tuple(dict.fromkeys((*sources, *known)))
            return self._gather(coordinate, oids, sources)

    def keep(self, coordinate: Coordinate, oid: str, sources: tuple[str, ...]) -> None:
        """Bring one object here, and let it stay whatever becomes of those that need it.

        Raises:
            Failure: it could not be had.
        """
        self.gather(coordinate, frozenset({oid}), sources)
        with self._lock(coordinate), _ours(self._root):
            self._store(coordinate).keep(oid)

    def try_clone(self, coordinate: Coordinate, oids: frozenset[str], source: str) -> None:
        """What a clone of these objects from one server comes to. Raises Failure."""
        with _ours(self._root):
            self._imports.try_clone(coordinate, oids, source, self._root / "staging")

    @contextmanager
    def pack(
        self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]
    ) -> Iterator[Path]:
        """A pack of what `wants` need beyond `haves`; built once for equal questions, and there for
        as long as somebody uses it, at least.

        What is damaged or not here any more is fetched again from the sources of `gather`.

        Raises:
            Failure: git could not build it.
        """
        with self._lock(coordinate), _ours(self._root):
            key, path = self._packed_or_mended(coordinate, wants, haves)
        try:
            yield path
        finally:
            self._packs.give_back(key)

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
        self._packs.close()

    # --- places ---

    def _lock(self, coordinate: Coordinate) -> Lock:
        with self._guard:
            return self._locks[coordinate]

    def _store(self, coordinate: Coordinate) -> Store:
        """By hash: an identifier is anybody's text and never becomes a path."""
        name = hashlib.sha256(str(coordinate).encode()).hexdigest()
        return Store(self._root / "repositories" / name, self._git)

    # --- under the lock of the coordinate ---

    def _gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[BadSource, ...]:
        missing, bad = self._hunt(coordinate, oids, sources)
        if missing and bad and self._put_aside_if_damaged(coordinate):
            missing, bad = self._hunt(coordinate, oids, sources)
        if missing:
            raise NotGathered(len(missing), bad)
        return bad

    def _hunt(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[frozenset[str], tuple[BadSource, ...]]:
        """What is missing in the end, and which sources failed. Raises Failure: this machine."""
        hunt = Hunt(oids - self.holds(coordinate, oids), sources)
        bad: list[BadSource] = []
        while ask := hunt.next():
            try:
                found = self._take(coordinate, ask)
            except Failure as failure:
                if failure.unknown.cause in (Cause.LOCAL, Cause.STOPPED):
                    raise
                bad.append(BadSource(ask.source, failure.unknown))
                found = self.holds(coordinate, ask.oids)  # some of it may have stayed
            hunt = hunt.begun(ask.source).found(found)
        return hunt.missing, tuple(bad)

    def _take(self, coordinate: Coordinate, ask: Ask) -> frozenset[str]:
        """Those of the objects asked for that are here afterwards. Raises Failure."""
        store = self._store(coordinate)
        is_new = not store.path.exists()
        sent = self._imports.take(store, coordinate, ask)
        if is_new:  # git has just written and read all of it
            self._whole.add(coordinate)
            self._held[coordinate] |= sent
        elif sent - self.holds(coordinate, sent):
            # git keeps a file that has the name of the new one, and if it is damaged
            raise Failure(Unknown(Cause.INCOMPLETE, "what it sent did not stay"))
        return self.holds(coordinate, ask.oids) if sent else sent

    def _packed_or_mended(
        self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]
    ) -> tuple[Key, Path]:
        try:
            return self._packed(coordinate, wants, haves)
        except Failure:
            if not self._put_aside_if_damaged(coordinate):
                raise
        self._gather(coordinate, wants, self._sources.get(coordinate, ()))
        return self._packed(coordinate, wants, haves)

    def _packed(
        self, coordinate: Coordinate, wants: frozenset[str], haves: frozenset[str]
    ) -> tuple[Key, Path]:
        store = self._store(coordinate)
        if coordinate not in self._whole:
            if store.is_torn():
                raise Failure(Unknown(Cause.LOCAL, "a pack of the archive is damaged"))
            self._whole.add(coordinate)
        held = self.holds(coordinate, wants | haves)
        if not wants <= held:
            raise Failure(Unknown(Cause.INCOMPLETE, "the archive lacks what is to be sent"))
        known = haves & held
        key = (coordinate, wants, known)
        return key, self._packs.take(key, lambda out: store.pack(wants, known, out))

    def _put_aside_if_damaged(self, coordinate: Coordinate) -> bool:
        """Something failed: was it our own repository? Raises Failure."""
        store = self._store(coordinate)
        if not store.is_torn():
            if coordinate in self._examined:  # git reads everything: once a run is enough
                return False
            self._examined.add(coordinate)
            if not store.is_damaged():
                return False
        aside = self._root / "damaged" / store.path.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        store.path.rename(aside)
        self._held.pop(coordinate, None)
        self._whole.discard(coordinate)
        return True


@contextmanager
def _ours(place: Path) -> Iterator[None]:
    """What the system refuses us here is this machine's fault. Raises Failure."""
    try:
        yield
    except OSError as error:
        detail = f"{error.filename or place}: {error.strerror}"
        raise Failure(Unknown(Cause.LOCAL, detail)) from None
