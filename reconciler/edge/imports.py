"""How objects come into the archive: from one server at a time, in two steps.

Untrusted objects are fetched and checked in a staging repository that is thrown away, then pushed
into the archive, whose receive-pack checks them again in quarantine and demands that nothing is
missing (git: transfer.fsckObjects).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock

from reconciler.edge.child import Excess, Git
from reconciler.edge.fetch import Source, TooLarge, ensure_room, fetch
from reconciler.edge.store import Store
from reconciler.limits import FETCH_BYTES, FETCH_IDLE_SECONDS, PACK_BYTES
from reconciler.model.observed import Absent, Cause, Listing, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Ask
from reconciler.plumbing.staging import size, staging
from reconciler.world import Failure

Locate = Callable[[str, Coordinate], Source]
"""Server and coordinate to what git needs. Raises Failure."""
ListRefs = Callable[[str, Coordinate], Listing | Absent]
"""What a server offers of a repository. Raises Failure."""
Charge = Callable[[str], AbstractContextManager[Callable[[int], None]]]
"""Around each fetch from a server; hears of the bytes that it took on our disk. Raises Failure
before or after: the server has had its share of this run."""


def free(server: str) -> AbstractContextManager[Callable[[int], None]]:
    """Everybody may take what they like."""
    del server
    return nullcontext(lambda _: None)


class Imports:
    """Fetches of one run; safe to share between threads.

    A server that let a fetch wait in vain, or made git take too much, is not asked again. Fetches
    run side by side as long as they are small; large ones wait for each other, so that all together
    fill no disk.
    """

    def __init__(
        self,
        git: Git,
        locate: Locate,
        list_refs: ListRefs,
        *,
        charge: Charge = free,
        idle: float = FETCH_IDLE_SECONDS,
        quota: int = FETCH_BYTES,
    ) -> None:
        """Open nothing yet.

        Args:
            git: the program.
            locate: where a server has a repository.
            list_refs: what a server offers.
            charge: hears what fetches cost.
            idle: seconds that a fetch may go on without a pack.
            quota: bytes up to which a fetch is small.
        """
        self._git = git
        self._locate = locate
        self._list_refs = list_refs
        self._charge = charge
        self._idle = idle
        self._quota = quota
        self._struck: dict[str, Unknown] = {}
        self._large = Lock()

    def take(self, store: Store, coordinate: Coordinate, ask: Ask, folder: Path) -> frozenset[str]:
        """Take from a source what it offers of the objects that it is asked for; these.

        Args:
            store: where they go.
            coordinate: whose they are.
            ask: the source, and the objects.
            folder: where they are staged.

        Raises:
            Failure: none arrived; LOCAL where this machine is at fault.
            OSError: this machine is at fault.
        """
        self._begin(ask.source)
        listing = self._list_refs(ask.source, coordinate)
        refs = listing.refs if isinstance(listing, Listing) else ()
        offered = ask.oids.intersection(oid for _, oid in refs)
        if not offered:
            return offered
        store.create()
        source = self._locate(ask.source, coordinate)
        offer = Ask(ask.source, offered)
        try:
            self._import(store, source, offer, folder, self._quota)
        except TooLarge:
            with self._large:
                self._import(store, source, offer, folder, PACK_BYTES)
        return offered

    def try_clone(
        self, coordinate: Coordinate, oids: frozenset[str], server: str, folder: Path
    ) -> None:
        """Fetch objects into an empty repository that is thrown away; nothing of ours is lent, and
        git checks that nothing is missing between them (fetch: connectivity).

        Raises:
            Failure: a clone fails. TooLarge: it was not tried to the end.
        """
        self._begin(server)
        with self._charge(server) as took, staging(folder, None) as stage:
            self._fetch(
                self._locate(server, coordinate), Ask(server, oids), stage, self._quota, took
            )

    def _begin(self, server: str) -> None:
        if struck := self._struck.get(server):
            raise Failure(Unknown(Cause.SKIPPED, f"not asked again in this run: {struck}"))

    def _import(self, store: Store, source: Source, offer: Ask, folder: Path, quota: int) -> None:
        with self._charge(offer.source) as took, staging(folder, store.path) as stage:
            self._fetch(source, offer, stage, quota, took)
            store.receive(stage)

    def _fetch(
        self, source: Source, offer: Ask, stage: Path, quota: int, took: Callable[[int], None]
    ) -> None:
        ensure_room(stage)
        try:
            fetch(self._git, source, offer.oids, stage, quota=quota, idle=self._idle)
        except Failure as failure:
            if isinstance(failure, Excess):
                self._struck[offer.source] = failure.unknown
            raise
        finally:
            took(size(stage))
