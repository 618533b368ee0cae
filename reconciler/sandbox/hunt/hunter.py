"""The hunt for git data that events wait for: which repositories, when, and from whom.

    an event waits ─▶ queue (3 minutes, or 500 ms when synced) ─▶ sources one after the other
    ─▶ what arrived is delivered at once ─▶ all here: done │ back-off, then another round

A source that hangs, or whose domain has no turn left, does not hold up the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.hunt import Hunt
from reconciler.sandbox.clock import TICK
from reconciler.sandbox.flow import gitdata
from reconciler.sandbox.hunt.missing import sources
from reconciler.sandbox.hunt.queue import Entry, Queue
from reconciler.sandbox.hunt.source import HuntContext, SourceSession

PATIENCE: Final = 2.0
"""Seconds after which the next source is asked although the last one is still at work."""


class Hunter:
    """All hunts of one server."""

    def __init__(self, context: HuntContext, comes: Callable[[str], bool]) -> None:
        """`comes` is asked before a hunt."""
        self.queue = Queue()
        self._context = context
        self._comes = comes
        self._service = context.runtime.service
        self._clock = context.runtime.service.clock

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
                self._context.turns.tick()
                await asyncio.sleep(TICK)

    async def _attempt(self, identifier: str, entry: Entry) -> None:
        done, given_up = False, entry.given_up
        try:
            await self._context.runtime.tidy()  # some families make repositories a moment later
            if self._comes(f"FETCH {identifier}"):
                given_up = await self._hunt(identifier, entry)
            done = not (await self._context.missing(identifier)).waits
        except (PeerFault, OSError):
            pass  # a damaged repository, a full disk: tried again later
        finally:
            self.queue.end(identifier, self._clock(), done=done, given_up=given_up)

    async def _hunt(self, identifier: str, entry: Entry) -> frozenset[str]:
        """One round over all sources; those that no later round needs to ask."""
        lacking = await self._context.missing(identifier)
        run, egress = self._context.runtime.run, self._context.egress
        found, refused = await run(sources, self._service, identifier, egress)
        # ngit-relay looks at what it has only when there is somebody else to fetch from
        delivers = found or self._service.family.states.waits
        for target, oids in lacking.targets.items():
            if delivers and not oids:  # the data is here and nobody delivered it: a crash between
                await self._deliver(identifier, target)
        if lacking.oids:
            self._context.tally.sources_refused += refused
            hunt = Hunt(lacking.oids, found, entry.expires, given_up=entry.given_up)
            return (await self._round(identifier, hunt)).given_up
        return entry.given_up

    async def _round(self, identifier: str, hunt: Hunt) -> Hunt:
        """Each source once, until nothing is missing or time is up."""
        sessions: dict[asyncio.Task[None], SourceSession] = {}
        try:
            while not hunt.is_over(self._clock()):
                if not _is_busy(sessions) and (ask := hunt.next(self._clock())):
                    hunt = hunt.begun(ask.source)
                    session = SourceSession(self._context, identifier, ask.source)
                    sessions[asyncio.create_task(session.run())] = session
                if not sessions:
                    break
                await asyncio.wait(sessions, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
                ended = [task for task in sessions if task.done()]
                for task in ended:
                    session = sessions.pop(task)
                    task.result()
                    hunt = hunt.gave_up(session.source) if session.gave_up else hunt
                if ended:
                    lacking = await self._context.missing(identifier)
                    hunt = hunt.found(hunt.missing - lacking.oids)
        finally:
            for task in sessions:
                task.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)
        return hunt

    async def _deliver(self, identifier: str, target: Coordinate) -> None:
        run_locked = self._context.runtime.run_locked
        await run_locked([identifier], gitdata.deliver_fetched, self._service, target)


def _is_busy(sessions: dict[asyncio.Task[None], SourceSession]) -> bool:
    """Is a session at work that may soon make another one unnecessary? One that waits for a turn
    is not at work; one that has just begun counts as if it were, until it waits."""
    now = asyncio.get_running_loop().time()
    return any(
        one.busy_since is not None and now - one.busy_since < PATIENCE for one in sessions.values()
    )
