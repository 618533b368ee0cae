"""One other relay: connect, ask in layers, follow what is new, come back after a failure.

layer 1 (announcements) ─▶ what was confirmed before, since the loss ─▶ batches of what is new:
each one followed live first, then its history, so that nothing falls between; what the relay names
and keeps back is asked for again, each time later
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import aiohttp

from reconciler.errors import NetworkFault, PeerFault
from reconciler.limits import REQ_PAGE
from reconciler.nostr import urls
from reconciler.nostr.filters import Filter
from reconciler.pacing.backoff import Health
from reconciler.sandbox.clock import TICK, Chance, until
from reconciler.sandbox.hunt.egress import EgressPolicy
from reconciler.sandbox.metrics.figures import Source, Tally
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.sync.history import Withheld, history, readable
from reconciler.sandbox.sync.intake import Intake
from reconciler.sandbox.sync.needs import Needs, announcements, questions
from reconciler.sandbox.sync.progress import Progress, Status
from reconciler.sandbox.sync.relay_link import RateLimited, RelayLink, connect
from reconciler.sandbox.sync.wanted import Wanted

DAILY_SECONDS: Final = (23 * 3600.0, 25 * 3600.0)
"""Everything is asked for again once a day; chance spreads it over two hours (GRASP-02)."""
PAUSE_SECONDS: Final = 65.0
"""How long a relay that says `rate-limited` is left alone."""
SPARE: Final = 20
"""Live questions above the fewest possible, before they are asked anew in full batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncContext:
    """What all peers of a server share."""

    runtime: Runtime
    http: aiohttp.ClientSession
    wanted: Wanted
    intake: Intake
    egress: EgressPolicy
    chance: Chance
    tally: Tally


class Peer:
    """The sync with one relay. To end it, set `ending` and cancel `run`: a task group that fails in
    the moment of the cancellation swallows it (Python before 3.13)."""

    def __init__(self, url: str, context: SyncContext) -> None:
        self.ending = False
        self.progress = Progress()
        self.health = Health()
        self._url = url
        self._context = context
        self._clock = context.runtime.service.clock
        self._followed: list[str] = []
        self._daily_at = 0.0
        self._kept_back = Health()

    async def run(self) -> None:
        """Keep a session with the relay, for as long as it is wanted."""
        while not (self.ending or self._context.runtime.stopping):
            await until(self._clock, self.health.not_before)
            self.progress.connecting()
            try:
                await self._context.runtime.run(self._context.egress.resolve, self._url)
                async with connect(self._context.http, self._url) as link:
                    await self._session(link)
            except* RateLimited:
                self.health = self.health.paused(self._clock() + PAUSE_SECONDS)
            except* (PeerFault, NetworkFault, OSError):
                if self.progress.status is not Status.CONNECTED:
                    self._attempted(connected=False)
                self.health = self.health.failed(self._clock(), self._context.chance())
            finally:
                self.progress.disconnected(self._clock())

    async def _session(self, link: RelayLink) -> None:
        """Until the connection ends; whichever part fails takes the others along."""
        since = self.progress.connected(self._clock())
        self._attempted(connected=True)
        self._followed = []
        self._kept_back = Health()
        async with asyncio.TaskGroup() as group:
            group.create_task(link.read())
            group.create_task(self._take_live(link))
            group.create_task(self._sync(link, since))

    def _attempted(self, *, connected: bool) -> None:
        self._context.tally.attempted(urls.relay(self._url), connected=connected)

    async def _take_live(self, link: RelayLink) -> None:
        context = self._context
        while True:
            raws = [await link.live.get()]
            while not link.live.empty() and len(raws) < REQ_PAGE:
                raws.append(link.live.get_nowait())
            events = await context.runtime.run(readable, raws)
            await context.intake.admit(events, Source.LIVE)

    async def _sync(self, link: RelayLink, since: int | None) -> None:
        source = Source.STARTUP if since is None else Source.RECONNECT
        if since is None:
            self._plan_daily()
        await link.follow(announcements())
        from_when = since if self.progress.has_announcements else None
        whole = await self._fetch(link, announcements(), source, from_when)
        self.progress.has_announcements = whole
        self.health = Health()  # it has answered, so that earlier failures no longer count
        for part in self.progress.confirmed.batches():
            self._followed.append(await link.follow(questions(part)))
            if not await self._fetch(link, questions(part), source, since):
                self.progress.doubt(part)
        self.progress.caught_up()
        seen = None
        while True:
            if self._clock() >= self._daily_at:
                await self._reconcile_all(link)
            wanted = self._context.wanted.of(self._url)
            if wanted is not seen:
                seen = wanted
                self.progress.trim(wanted)
                await self._catch_up(link, source)
            await self._complete(link, source)
            await asyncio.sleep(TICK)

    async def _catch_up(self, link: RelayLink, source: Source) -> None:
        """Ask for what has become wanted."""
        missing = self.progress.missing(self._context.wanted.of(self._url))
        for part in missing.batches():
            await self._batch(link, part, source)
        await self._consolidate(link)

    async def _batch(self, link: RelayLink, needs: Needs, source: Source) -> None:
        """One batch, confirmed when each of its questions has ended."""
        asked = questions(needs)
        names = {str(number): one for number, one in enumerate(asked)}
        number = self.progress.begin(needs, ("live", *names))
        if not self.progress.partial & needs:  # that is followed already
            self._followed.append(await link.follow(asked))
        self.progress.ended(number, "live")

        async def one(name: str) -> None:
            if await self._fetch(link, (names[name],), source):
                self.progress.ended(number, name)
            else:
                self.progress.doubt(needs)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))

    async def _complete(self, link: RelayLink, source: Source) -> None:
        """Ask again for what the relay named and kept back, when it is time."""
        if self.progress.is_whole:
            self._kept_back = Health()
            return
        if self._clock() < self._kept_back.not_before:
            return
        if self._kept_back.failures:
            if not self.progress.has_announcements:
                whole = await self._fetch(link, announcements(), source)
                self.progress.has_announcements = whole
            for part in self.progress.partial.batches():
                await self._batch(link, part, source)
        self._kept_back = self._kept_back.failed(self._clock(), self._context.chance())

    async def _reconcile_all(self, link: RelayLink) -> None:
        """Once a day everything, because live feeds lose events and `since` overlooks some."""
        if not await self._fetch(link, announcements(), Source.DAILY):
            self.progress.has_announcements = False
        for part in self._context.wanted.of(self._url).batches():
            if not await self._fetch(link, questions(part), Source.DAILY):
                self.progress.doubt(part & self.progress.confirmed)
        self._plan_daily()

    async def _consolidate(self, link: RelayLink) -> None:
        """Small batches add up to many live questions; ask for the same in full ones. The new
        ones stand before the old ones end."""
        parts = tuple((self.progress.confirmed | self.progress.partial).batches())
        if len(self._followed) <= len(parts) + SPARE:
            return
        old, self._followed = self._followed, []
        for part in parts:
            self._followed.append(await link.follow(questions(part)))
        for name in old:
            await link.unfollow(name)

    async def _fetch(
        self, link: RelayLink, asked: Sequence[Filter], source: Source, since: int | None = None
    ) -> bool:
        """Read histories and admit what they hold. Did all come that the relay named?"""
        context, whole = self._context, True
        for one in asked:
            question = replace(one, since=since)
            pages = history(context.runtime, link, question, context.intake.rejected.knows)
            try:
                async for page in pages:
                    await context.intake.admit(page, source)
            except Withheld:
                whole = False
        return whole

    def _plan_daily(self) -> None:
        least, most = DAILY_SECONDS
        self._daily_at = self._clock() + least + (most - least) * self._context.chance()
