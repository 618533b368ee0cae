"""How objects come into the archive: from one server at a time, straight into its quarantine.

What a server sends goes through our hands into git's own receiving side, which unpacks nothing
before it has checked each object, and takes over nothing that lacks something (git: receive-pack,
receive.fsckObjects).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from threading import Lock

from reconciler.edge.child import Excess, Git
from reconciler.edge.fetch import Passage, TooLarge, Uploads, too_large
from reconciler.edge.store import Store
from reconciler.limits import FETCH_BYTES, FETCH_IDLE_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Ask
from reconciler.plumbing.staging import staging
from reconciler.world import Failure

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
    run side by side as long as they are small; of large ones one at a time goes on, so that all
    together fill no disk.
    """

    def __init__(
        self,
        git: Git,
        uploads: Uploads,
        *,
        charge: Charge = free,
        idle: float = FETCH_IDLE_SECONDS,
        quota: int = FETCH_BYTES,
    ) -> None:
        """Open nothing yet.

        Args:
            git: the program.
            uploads: what servers offer, and send.
            charge: hears what fetches cost.
            idle: seconds that a fetch may go on without a pack.
            quota: bytes up to which a fetch is small.
        """
        self._git = git
        self._uploads = uploads
        self._charge = charge
        self._idle = idle
        self._quota = quota
        self._struck: dict[str, Unknown] = {}
        self._large = Lock()

    def take(self, store: Store, coordinate: Coordinate, ask: Ask) -> frozenset[str]:
        """Take from a source what it offers of the objects that it is asked for; these.

        Args:
            store: where they go.
            coordinate: whose they are.
            ask: the source, and the objects.

        Raises:
            Failure: none arrived; LOCAL where this machine is at fault.
            OSError: this machine is at fault.
        """
        self._begin(ask.source)
        with self._charge(ask.source) as took, ExitStack() as held:
            offered = self._uploads.offered(ask.source, coordinate, ask.oids)
            if offered:
                haves = store.tips()
                store.create()
                self._receive(
                    store,
                    coordinate,
                    Ask(ask.source, offered),
                    haves,
                    took,
                    exceeded=lambda: held.enter_context(self._large),
                )
        return offered

    def try_clone(
        self, coordinate: Coordinate, oids: frozenset[str], server: str, folder: Path
    ) -> None:
        """Fetch objects into an empty repository that is thrown away; nothing of ours is lent, and
        git checks that nothing is missing between them.

        Raises:
            Failure: a clone fails. TooLarge: it was not tried to the end.
        """

        def exceeded() -> None:
            raise too_large(self._quota)

        self._begin(server)
        with self._charge(server) as took, staging(folder, None) as stage:
            store = Store(stage, self._git)
            ask = Ask(server, oids)
            self._receive(store, coordinate, ask, frozenset(), took, exceeded=exceeded)

    def _begin(self, server: str) -> None:
        if struck := self._struck.get(server):
            raise Failure(Unknown(Cause.SKIPPED, f"not asked again in this run: {struck}"))

    def _receive(
        self,
        store: Store,
        coordinate: Coordinate,
        offer: Ask,
        haves: frozenset[str],
        took: Callable[[int], None],
        *,
        exceeded: Callable[[], object],
    ) -> None:
        passage = Passage(store.path, idle=self._idle, quota=self._quota, exceeded=exceeded)
        try:
            with self._uploads.pack(
                offer.source, coordinate, offer.oids, haves, idle=self._idle
            ) as pack:
                store.receive(offer.oids, passage.through(pack), passage.look)
        except Failure as failure:
            late = failure.unknown.cause is Cause.TIMEOUT
            if (late or isinstance(failure, Excess)) and not isinstance(failure, TooLarge):
                self._struck[offer.source] = failure.unknown
            raise
        finally:
            took(passage.size)
