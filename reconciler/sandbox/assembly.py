"""One server, put together: what is there before it lives, and what lives in its event loop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from socket import socket
from typing import Final, TypeVar

from aiohttp import web

from reconciler.errors import PeerFault
from reconciler.nostr.event import Event
from reconciler.sandbox.clock import Chance, Clock
from reconciler.sandbox.events.store import Store
from reconciler.sandbox.family import presets
from reconciler.sandbox.family.rates import Buckets
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.faulty import http, sync
from reconciler.sandbox.faulty.arming import Arming
from reconciler.sandbox.faulty.listener import FaultyListener
from reconciler.sandbox.faulty.relay import FaultyConnections
from reconciler.sandbox.flow import tidy
from reconciler.sandbox.metrics.counters import Counters
from reconciler.sandbox.metrics.figures import Figures
from reconciler.sandbox.metrics.metrics import Metrics, Sizes
from reconciler.sandbox.policy import reading
from reconciler.sandbox.repos import Repos
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.service import ServerSpec, Service
from reconciler.sandbox.sync.engine import Sync
from reconciler.sandbox.waiting.persistence import Ledger
from reconciler.sandbox.wire import router

T = TypeVar("T")

_TIDY_SECONDS: Final = 1.0
"""How often purgatory is looked at when nobody asks anything."""
GRACE_SECONDS: Final = 1.0
"""How long a stopping server waits for requests that are under way."""


class Assembly:
    """All parts of one server. Making one opens its files, and no port."""

    def __init__(
        self,
        spec: ServerSpec,
        url: str,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        crash: Callable[[], None],
    ) -> None:
        """`crash` ends the server as if it had died, from any thread."""
        self.faults = Faults(clock)
        self.connections = FaultyConnections(self.faults)
        self._news = News(loop)
        self._sync: Sync | None = None
        self._began = clock()
        self._ledger, self.service = self._parts(spec, url, clock, crash)
        self._arming = Arming(self.service, loop)
        self._news.on_served.append(self.connections.publish)
        self.service.metrics.watch(self._sizes, self.figures, self.service.counters.snapshot)
        self.faults.listen(self._arming.armed)

    def figures(self) -> Figures:
        """What GRASP-02 sync has done; all zero on a server without it."""
        return self._sync.figures() if self._sync else Figures()

    @asynccontextmanager
    async def serving(self, bound: socket, chance: Chance) -> AsyncIterator[None]:
        """Answer requests at this socket, follow other servers, keep tidy; at the end, finish what
        is under way."""
        runtime = Runtime(self.service)
        await runtime.run(tidy.at_start, self.service)
        runner = self._runner(runtime)
        await runner.setup()
        listener = self._arming.listener = FaultyListener(bound, runner, self.faults)
        await listener.open()
        keeper = asyncio.create_task(_keep_tidy(runtime, listener))
        if self.service.spec.sync:
            self._follow(Sync(runtime, chance=chance, comes=sync.gate(self.faults)))
        yield
        runtime.stopping = True
        keeper.cancel()
        if self._sync:
            await self._sync.stop()
        await listener.shut()
        await self.connections.close()
        await runner.cleanup()
        await runtime.close()

    def close(self, *, clean: bool) -> None:
        """Put the files away; a clean stop writes down what waits."""
        self._ledger.close(clean=clean)
        self.service.store.close()

    def _parts(
        self, spec: ServerSpec, url: str, clock: Clock, crash: Callable[[], None]
    ) -> tuple[Ledger, Service]:
        family, directory = presets.named(spec.family), spec.directory
        repos = Repos(directory, family.git.settings)
        ledger = Ledger(
            directory,
            repos,
            clock,
            self._news.parked,
            read_state=partial(reading.state, family.states),
            durable=family.states.durable,
        )
        return ledger, Service(
            spec=spec,
            url=url,
            family=family,
            clock=clock,
            store=Store(
                directory / "events.sqlite",
                expires=family.events.expires,
                loose_tags=family.limits.loose_tags,
            ),
            repos=repos,
            purgatory=ledger.purgatory,
            counters=Counters(),
            publish=self._news.served,
            agenda=ledger.agenda,
            provisions=Buckets(family.announcements.provisions, clock),
            metrics=Metrics(family.info.version),
            crash=crash,
        )

    def _runner(self, runtime: Runtime) -> web.AppRunner:
        sick = http.middleware(runtime, self.faults)
        return web.AppRunner(
            router.application(runtime, self.connections, sick),
            access_log=None,
            shutdown_timeout=GRACE_SECONDS,
            auto_decompress=False,  # some families do not read compressed pushes
        )

    def _follow(self, sync: Sync) -> None:
        self._sync = sync
        self._news.on_served.append(sync.stored)
        self._news.on_parked.append(sync.parked)
        sync.start()

    def _sizes(self) -> Sizes:
        held = self.service.purgatory.everything()
        return Sizes(
            announcements=len(held.announcements),
            states=len(held.states),
            pulls=len(held.pulls),
            repositories=self.service.repos.count(),
            addresses=self.connections.addresses,
            uptime=self.service.clock() - self._began,
        )


class News:
    """What the parts tell each other in any thread, heard in the server's event loop. Those who
    listen are added in the loop, or before it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.on_served: list[Callable[[Event], None]] = []
        self.on_parked: list[Callable[[str], None]] = []

    def served(self, event: Event) -> None:
        """An event is new and served."""
        for listener in self.on_served:
            self._soon(listener, event)

    def parked(self, identifier: str) -> None:
        """Something of this identifier went into purgatory."""
        for listener in self.on_parked:
            self._soon(listener, identifier)

    def _soon(self, listener: Callable[[T], None], what: T) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(listener, what)


async def _keep_tidy(runtime: Runtime, listener: FaultyListener) -> None:
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        await listener.follow()
        with suppress(PeerFault, OSError, sqlite3.Error):  # a full disk, perhaps
            await runtime.tidy()
            await runtime.run(runtime.service.store.expire, runtime.service.clock())
