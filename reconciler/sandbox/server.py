"""Start and stop embedded servers. Each has its own event loop in a daemon thread, so that
synchronous code and tests can use it; several run side by side in one process.

Only loopback is ever bound: these servers trust whoever can reach them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from aiohttp import web

from reconciler.errors import PeerFault
from reconciler.nostr import urls
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.events.store import Store
from reconciler.sandbox.family import presets
from reconciler.sandbox.family.rates import Buckets
from reconciler.sandbox.faults import Effect, Fault, Faults
from reconciler.sandbox.flow import integrity, losses
from reconciler.sandbox.metrics.counters import Counters
from reconciler.sandbox.metrics.figures import Figures
from reconciler.sandbox.metrics.metrics import Metrics, Sizes
from reconciler.sandbox.repos import Repos
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.service import ServerSpec, Service
from reconciler.sandbox.sync.engine import Sync
from reconciler.sandbox.waiting.persistence import Ledger
from reconciler.sandbox.wire import router
from reconciler.sandbox.wire.connections import Hub
from reconciler.sandbox.wire.listener import Door, bind

HOST: Final = "127.0.0.1"
_TIDY_SECONDS: Final = 1.0
"""How often purgatory is looked at when nobody asks anything."""
_GRACE_SECONDS: Final = 1.0
"""How long a stopping server waits for requests that are under way."""
_CRASH_SECONDS: Final = 0.05
"""From the event that kills a server to its end: its sender still hears the OK."""
_JOIN_SECONDS: Final = 60.0

__all__ = ["RunningServer", "ServerSpec", "start"]


class RunningServer:
    """A server that runs. Make one with `start`."""

    def __init__(
        self,
        spec: ServerSpec,
        listener: socket.socket,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.spec = spec
        self.url = f"http://{spec.host}:{listener.getsockname()[1]}"
        self.relay_url = urls.relay(self.url)
        self.faults = Faults(clock)
        self.counters = Counters()
        self._listener = listener
        self._door: Door | None = None
        self._clock = clock
        self._began = clock()
        self._chance = chance
        self._sync: Sync | None = None
        self._hub = Hub()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._clean = True
        self._service = self._build()
        self._thread = threading.Thread(target=self._live, name=spec.name, daemon=True)
        self._ready: Future[None] = Future()
        self.faults.listen(self._on_fault)

    def repo_path(self, pubkey: str, identifier: str) -> Path:
        """Where the bare repository lies, whether or not it exists."""
        return self._service.repos.path(Coordinate(pubkey, identifier))

    def events(self, filter: Filter) -> tuple[Event, ...]:  # noqa: A002 - the agreed name
        """What is served now; never what waits in purgatory."""
        return self._service.store.events(filter, now=self._clock())

    @property
    def budgets(self) -> int:
        """How many budgets of clients are remembered."""
        return self._hub.budgets

    def seed(self, event: Event) -> None:
        """Store an event without asking any rule: how a test fills a relay."""
        self._service.store.add(event)

    def figures(self) -> Figures:
        """What GRASP-02 sync has done; all zero on a server without it."""
        return self._sync.figures() if self._sync else Figures()

    def stop(self) -> None:
        """Finish what is under way, write purgatory down, free the port. May be called twice."""
        self._end(clean=True)

    def kill(self) -> None:
        """End at once, as a crash would: children die, the port is free, and purgatory is lost
        where the family keeps it in memory."""
        self._end(clean=False)

    def begin(self) -> None:
        """Start the thread and wait until requests are answered (`start` does this)."""
        self._thread.start()
        self._ready.result(_JOIN_SECONDS)

    def _build(self) -> Service:
        directory = self.spec.directory
        dialect = presets.named(self.spec.dialect)
        repos = Repos(directory, dialect.git.settings)
        metrics = Metrics(dialect.info.version)
        metrics.watch(self._sizes, self.figures)
        ledger = Ledger(directory, repos, self._clock, self._parked, durable=dialect.states.durable)
        self._ledger = ledger
        return Service(
            self.spec,
            self.url,
            dialect,
            self._clock,
            Store(
                directory / "events.sqlite",
                expires=dialect.events.expires,
                loose_tags=dialect.limits.loose_tags,
            ),
            repos,
            ledger.purgatory,
            self.counters,
            self.faults,
            self._publish,
            ledger.agenda,
            Buckets(dialect.announcements.provisions, self._clock),
            metrics,
            self._crash,
        )

    def _crash(self) -> None:
        """From any thread: end as a kill would, once the answer to the deadly event is out."""
        self._clean = False
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._loop.call_later, _CRASH_SECONDS, self._stop.set)

    def _sizes(self) -> Sizes:
        held = self._service.purgatory.everything()
        return Sizes(
            len(held.announcements),
            len(held.states),
            len(held.pulls),
            self._service.repos.count(),
            self._hub.addresses,
            self._clock() - self._began,
        )

    def _on_fault(self, fault: Fault) -> None:
        """From any thread: a fault was armed, or all were lifted."""
        losses.lose(self._service, fault.effect)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing to break any more
            if threading.current_thread() is self._thread:
                self._loop.create_task(self._react(fault))
            elif self._thread.is_alive():
                asyncio.run_coroutine_threadsafe(self._react(fault), self._loop).result(5)

    async def _react(self, fault: Fault) -> None:
        if self._door:
            await self._door.follow()
            if fault.effect is Effect.LOSE_PURGATORY:
                self._door.slam()

    def _publish(self, event: Event) -> None:
        """From any thread: tell live subscribers and the sync, in the loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._hub.publish, event)
            if self._sync:
                self._loop.call_soon_threadsafe(self._sync.stored, event)

    def _parked(self, identifier: str) -> None:
        """From any thread: something went into purgatory."""
        if self._sync:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._sync.parked, identifier)

    def _end(self, *, clean: bool) -> None:
        if not self._thread.is_alive():
            return
        self._clean = clean
        if not clean:
            self._service.repos.kill_children()
        with contextlib.suppress(RuntimeError):  # another thread was faster
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_JOIN_SECONDS)

    def _live(self) -> None:
        """The thread: serve until told to stop, then put everything away."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            self._loop.run_until_complete(_end_tasks())
            self._ledger.close(clean=self._clean)
            self._service.store.close()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        runtime = Runtime(self._service)
        await runtime.run(integrity.check, self._service)
        runner = web.AppRunner(
            router.application(runtime, self._hub),
            access_log=None,
            shutdown_timeout=_GRACE_SECONDS,
            auto_decompress=False,  # some families do not read compressed pushes
        )
        await runner.setup()
        self._door = Door(self._listener, runner, self.faults)
        await self._door.open()
        keeper = asyncio.create_task(_keep_tidy(runtime, self._door))
        if self.spec.sync:
            self._sync = Sync(runtime, chance=self._chance)
            self._sync.start()
        self._ready.set_result(None)
        await self._stop.wait()
        runtime.stopping = True
        keeper.cancel()
        if self._sync:
            await self._sync.stop()
        await self._door.shut()
        await self._hub.close()
        if not self._clean:
            self._service.repos.kill_children()
        await runner.cleanup()
        await runtime.close()


async def _end_tasks() -> None:
    """End what is left in the loop: aiohttp forgets handlers of idle connections."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_GRACE_SECONDS)


async def _keep_tidy(runtime: Runtime, door: Door) -> None:
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        await door.follow()
        with contextlib.suppress(PeerFault, OSError, sqlite3.Error):  # a full disk, perhaps
            await runtime.tidy()
            await runtime.run(runtime.service.store.expire, runtime.service.clock())


def start(
    spec: ServerSpec,
    *,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> RunningServer:
    """Start a server and return once it answers.

    Args:
        spec: what to start; a directory used before brings its events, repositories and (after a
            clean stop) its purgatory back.
        clock: the time in seconds since 1970, for expiry, purgatory and sync.
        chance: numbers from 0 to 1, which spread the sync's retries and daily runs.

    Raises:
        NetworkFault: the port is taken.
        OurFault: there is no such dialect, or a whitelist entry is none.
    """
    presets.named(spec.dialect)
    spec.archive.check()
    spec.directory.mkdir(parents=True, exist_ok=True)
    listener = bind(HOST, spec.port)
    try:
        server = RunningServer(spec, listener, clock, chance)
        server.begin()
    except BaseException:
        listener.close()
        raise
    return server
