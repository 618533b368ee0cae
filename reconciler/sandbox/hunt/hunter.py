"""The hunt for git data that events wait for: which repositories, when, and from whom.

    an event waits ─▶ queue (3 minutes, or 500 ms when synced) ─▶ sources one after the other
    ─▶ what arrived is delivered at once ─▶ all here: done │ back-off, then another round

A source that hangs, or whose domain has no turn left, does not hold up the next one.
"""

from __future__ import annotations

import asyncio
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Hunt
from reconciler.sandbox.clock import TICK
from reconciler.sandbox.flow import gitdata
from reconciler.sandbox.hunt import supply
from reconciler.sandbox.hunt.queue import Entry, Queue
from reconciler.sandbox.hunt.visit import Gear, Visit

PATIENCE: Final = 2.0
"""Seconds after which the next source is asked although the last one is still at work."""


class Hunter:
    """All hunts of one server."""

    def __init__(self, gear: Gear) -> None:
        self.queue = Queue()
        self._gear = gear
        self._service = gear.runtime.service
        self._clock = gear.runtime.service.clock

    def waits(self, identifier: str, delay: float) -> None:
        """An event of this identifier waits for git data; look for it after `delay` seconds."""
        self.queue.add(identifier, self._clock(), delay)

    async def run(self) -> None:
        """Begin hunts when they are due. Never ends by itself; cancelling it ends all hunts."""
        async with asyncio.TaskGroup() as hunts:
            while True:
                for identifier in self.queue.due(self._clock()):
                    entry = self.queue.begin(identifier)
                    hunts.create_task(self._attempt(identifier, entry))
                self._gear.turns.tick()
                await asyncio.sleep(TICK)

    async def _attempt(self, identifier: str, entry: Entry) -> None:
        done, given_up = False, entry.given_up
        try:
            await self._gear.runtime.tidy()  # some families make repositories a moment later
            given_up = await self._hunt(identifier, entry)
            done = not (await self._gear.missing(identifier)).waits
        except (PeerFault, OSError):
            pass  # a damaged repository, a full disk: tried again later
        finally:
            self.queue.end(identifier, self._clock(), done=done, given_up=given_up)

    async def _hunt(self, identifier: str, entry: Entry) -> frozenset[str]:
        """One round over all sources; those that no later round needs to ask."""
        lacking = await self._gear.missing(identifier)
        for target, oids in lacking.targets.items():
            if not oids:  # the data is here and nobody delivered it: a crash in between
                await self._deliver(identifier, target)
        if lacking.oids:
            run, reach = self._gear.runtime.run, self._gear.reach
            found, refused = await run(supply.sources, self._service, identifier, reach)
            self._gear.tally.sources_refused += refused
            hunt = Hunt(lacking.oids, found, entry.expires, given_up=entry.given_up)
            return (await self._round(identifier, hunt)).given_up
        return entry.given_up

    async def _round(self, identifier: str, hunt: Hunt) -> Hunt:
        """Each source once, until nothing is missing or time is up."""
        visits: dict[asyncio.Task[None], Visit] = {}
        try:
            while not hunt.is_over(self._clock()):
                if not _is_busy(visits) and (ask := hunt.next(self._clock())):
                    hunt = hunt.begun(ask.source)
                    visit = Visit(self._gear, identifier, ask.source)
                    visits[asyncio.create_task(visit.run())] = visit
                if not visits:
                    break
                await asyncio.wait(visits, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
                ended = [task for task in visits if task.done()]
                for task in ended:
                    visit = visits.pop(task)
                    task.result()
                    hunt = hunt.gave_up(visit.source) if visit.gave_up else hunt
                if ended:
                    lacking = await self._gear.missing(identifier)
                    hunt = hunt.found(hunt.missing - lacking.oids)
        finally:
            for task in visits:
                task.cancel()
            await asyncio.gather(*visits, return_exceptions=True)
        return hunt

    async def _deliver(self, identifier: str, target: Coordinate) -> None:
        run_locked = self._gear.runtime.run_locked
        await run_locked([identifier], gitdata.deliver_fetched, self._service, target)


def _is_busy(visits: dict[asyncio.Task[None], Visit]) -> bool:
    """Is a visit at work that may soon make another one unnecessary? One that waits for a turn
    is not at work; one that has just begun counts as if it were, until it waits."""
    now = asyncio.get_running_loop().time()
    return any(v.busy_since is not None and now - v.busy_since < PATIENCE for v in visits.values())
