"""The sync of one server, put together: what is wanted, a peer a relay, the hunter, the figures.

Lives in the server's event loop. The server tells it what was stored and what waits; it reads the
rest itself: all served events at the start, purgatory's announcements every few seconds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Final

import aiohttp

from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.clock import TICK, Chance
from reconciler.sandbox.hunt.egress import EgressPolicy
from reconciler.sandbox.hunt.hunter import Hunter
from reconciler.sandbox.hunt.missing import served_identifiers
from reconciler.sandbox.hunt.source import HuntContext
from reconciler.sandbox.hunt.turns import Turns, limits
from reconciler.sandbox.metrics.figures import Figures, Source, Tally
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.sync.intake import HUNT_DELAY, Intake
from reconciler.sandbox.sync.peer import Peer, SyncContext
from reconciler.sandbox.sync.progress import Status
from reconciler.sandbox.sync.wanted import Wanted

PARKED_SECONDS: Final = 5.0
"""How often the announcements in purgatory are looked at (GRASP-02: their states are synced)."""
REBUILD_SECONDS: Final = 86_400.0
"""How often the first index is read anew from the store, besides after a deletion: events expire
(NIP-40) without a word."""
_INDEXED: Final = (kinds.ANNOUNCEMENT, *kinds.ROOTS)


class Sync:
    """GRASP-02 for one server. `start` and `stop` belong to the event loop."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        chance: Chance = random.random,
        comes: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`comes` is asked before a new event is taken (`EVENT <kind> <id>`), and before git data
        is hunted (`FETCH <identifier>`)."""
        service = runtime.service
        self._runtime = runtime
        self._clock = service.clock
        self._family = service.family
        self._chance = chance
        self._tally = Tally()
        self._egress = EgressPolicy(service.url)
        self._turns = Turns(service.clock, limits(service.family.fetches.host_starts))
        self._hunter = Hunter(HuntContext(runtime, self._turns, self._egress, self._tally), comes)
        self._intake = Intake(runtime, self._tally, self._hunter.waits, comes)
        self._wanted = Wanted(service.url, service.spec.bootstrap)
        self._peers: dict[str, tuple[Peer, asyncio.Task[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._rebuild_at = 0.0
        self._look_at = 0.0
        self._hunt_at = inf if service.family.states.waits else 0.0
        self._meanwhile: list[Event] | None = None
        self._released: list[Event] = []
        self._batch: list[Event] = []
        self._batch_at = inf

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End every connection, hunt and child."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def stored(self, event: Event) -> None:
        """The server serves a new event (self-subscription). Call it in the event loop."""
        if event.kind == kinds.DELETION:
            self._rebuild_at = 0.0
        if self._meanwhile is not None:
            self._meanwhile.append(event)
        self._gather(event)
        self._released += self._intake.rejected.release(event)
        identifier = event.first("d") or ""
        is_announcement = event.kind == kinds.ANNOUNCEMENT
        if not self._family.states.waits and (is_announcement or event.kind == kinds.STATE):
            # Served at once: nothing parks, and its git data may be missing all the same.
            rules = self._family.fetches
            delay = rules.created_seconds if is_announcement else rules.client_seconds
            self._hunter.waits(identifier, delay)
        elif is_announcement and identifier in self._hunter.queue:
            # It may name new clone URLs, or give authority to a state that waits.
            self._hunter.waits(identifier, HUNT_DELAY)

    def parked(self, identifier: str) -> None:
        """Something of this identifier went into purgatory. Call it in the event loop."""
        self._look_at = 0.0
        self._hunter.waits(identifier, self._family.fetches.client_seconds)

    def figures(self) -> Figures:
        """Numbers of this moment."""
        tally = self._tally
        progress = [peer.progress for peer, _ in self._peers.values()]
        return Figures(
            relays_connected=sum(p.status is Status.CONNECTED for p in progress),
            relays_tracked=len(progress),
            relays_read=sum(p.has_announcements for p in progress),
            events=self._tally.by_source(),
            events_rejected=self._tally.rejected,
            batches_pending=sum(p.unconfirmed for p in progress),
            confirmed=sum(len(p.confirmed) for p in progress),
            hunts=len(self._hunter.queue),
            hunts_running=self._hunter.queue.running,
            fetches=self._tally.fetches,
            failed_fetches=self._tally.failed_fetches,
            sources_refused=self._tally.sources_refused,
            oids_fetched=tally.oids_fetched,
            throttled=tally.domains.counts(self._turns.queued()),
            in_flight=tally.domains.counts(self._turns.running()),
            requests=tuple(sorted(tally.requests.items())),
            relays=tally.relays.counts(
                {
                    urls.relay(url): int(peer.progress.status is Status.CONNECTED)
                    for url, (peer, _) in tuple(self._peers.items())
                }
            ),
            attempts=tuple(sorted(tally.attempts.items())),
            indexed=len(self._wanted),
            rejected_kept=len(self._intake.rejected),
        )

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(socket_factory=self._egress.open, limit=0)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        ) as http:
            context = SyncContext(
                runtime=self._runtime,
                http=http,
                wanted=self._wanted,
                intake=self._intake,
                egress=self._egress,
                chance=self._chance,
                tally=self._tally,
            )
            async with asyncio.TaskGroup() as group:
                self._resume_hunts()
                group.create_task(self._hunter.run())
                while True:
                    await self._look()
                    await self._hunt_again()
                    self._end_batch()
                    self._follow(group, context)
                    self._judge_again(group)
                    await asyncio.sleep(TICK)

    def _resume_hunts(self) -> None:
        """What waited when the server stopped goes on waiting; nobody will push after so long."""
        held = self._runtime.service.purgatory.everything()
        waiting = {e.identifier for e in held.states}
        waiting |= {e.identifier for e in held.pulls if e.event}
        for identifier in waiting:
            self._hunter.waits(identifier, HUNT_DELAY)

    async def _hunt_again(self) -> None:
        """Where states are served without their data, look for it at the start, and as often as
        the family does."""
        if self._clock() < self._hunt_at:
            return
        self._hunt_at = self._clock() + (self._family.fetches.every_seconds or inf)
        for identifier in await self._runtime.run(served_identifiers, self._runtime.service):
            self._hunter.waits(identifier, HUNT_DELAY)

    def _gather(self, event: Event) -> None:
        """It changes what is wanted, once the batch that it begins or joins is over."""
        self._batch.append(event)
        due = self._clock() + self._family.fetches.batch_seconds
        self._batch_at = min(self._batch_at, due)

    def _end_batch(self) -> None:
        if self._clock() < self._batch_at:
            return
        batch, self._batch, self._batch_at = self._batch, [], inf
        for event in batch:
            self._wanted.add(event)

    async def _look(self) -> None:
        """Bring the first index up to date, where something says that it is not."""
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + PARKED_SECONDS
        service = self._runtime.service
        if self._clock() >= self._rebuild_at:
            self._rebuild_at = self._clock() + REBUILD_SECONDS
            await self._rebuild()
        parked = service.purgatory.everything().announcements
        self._wanted.park(entry.announcement for entry in parked)

    async def _rebuild(self) -> None:
        """Read the first index anew; what is stored while that goes on must not fall out of it."""
        self._meanwhile = []
        wanted, now = Filter(kinds=_INDEXED), self._clock()
        events = await self._runtime.run(self._runtime.service.store.events, wanted, now=now)
        self._wanted.rebuild((*events, *self._meanwhile))
        self._meanwhile = None

    def _judge_again(self, group: asyncio.TaskGroup) -> None:
        """Events that were refused, and that something stored since may have made acceptable."""
        released, self._released = self._released, []
        if released:
            group.create_task(self._intake.admit(released, Source.LIVE))

    def _follow(self, group: asyncio.TaskGroup, context: SyncContext) -> None:
        """One peer for each relay that is wanted, none for the others."""
        wanted = self._wanted.relays(announced=self._family.fetches.follows)
        for url in wanted - self._peers.keys():
            peer = Peer(url, context)
            self._peers[url] = (peer, group.create_task(peer.run()))
        for url in self._peers.keys() - wanted:
            peer, task = self._peers.pop(url)
            peer.ending = True
            task.cancel()
