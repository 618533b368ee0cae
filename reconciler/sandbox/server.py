"""Start and stop embedded servers. Each has its own event loop in a daemon thread, so that
synchronous code and tests can use it; several run side by side in one process.

Only loopback is ever bound: these servers trust whoever can reach them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from reconciler.nostr import urls
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.assembly import GRACE_SECONDS, Assembly
from reconciler.sandbox.family import presets
from reconciler.sandbox.metrics.figures import Figures
from reconciler.sandbox.service import ServerSpec
from reconciler.sandbox.wire.listener import bind

HOST: Final = "127.0.0.1"
_CRASH_SECONDS: Final = 0.05
"""From the event that kills a server to its end: its sender still hears the OK."""
_JOIN_SECONDS: Final = 60.0
"""How long a start may take, and an end: git children and threads are waited for."""

__all__ = ["RunningServer", "ServerSpec", "start"]


class RunningServer:
    """A server that runs, and a test's way into it. Make one with `start`."""

    def __init__(
        self,
        spec: ServerSpec,
        bound: socket.socket,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.spec = spec
        self.url = f"http://{spec.host}:{bound.getsockname()[1]}"
        self.relay_url = urls.relay(self.url)
        self._loop = asyncio.new_event_loop()
        self._assembly = Assembly(spec, self.url, self._loop, clock, self._crash)
        self._service = self._assembly.service
        self.faults = self._assembly.faults
        self.counters = self._service.counters
        self._serving = self._assembly.serving(bound, chance)
        self._stop = asyncio.Event()
        self._clean = True
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, name=spec.name, daemon=True)

    # --- a test's way in ---

    def repo_path(self, pubkey: str, identifier: str) -> Path:
        """Where the bare repository lies, whether or not it exists."""
        return self._service.repos.path(Coordinate(pubkey, identifier))

    def events(self, filter: Filter) -> tuple[Event, ...]:  # noqa: A002 - the agreed name
        """What is served now; never what waits in purgatory."""
        return self._service.store.events(filter, now=self._service.clock())

    @property
    def budgets(self) -> int:
        """How many budgets of clients are remembered."""
        return self._assembly.connections.budgets

    def seed(self, event: Event) -> None:
        """Store an event without asking any rule: how a test fills a relay."""
        self._service.store.add(event)

    def figures(self) -> Figures:
        """What GRASP-02 sync has done; all zero on a server without it."""
        return self._assembly.figures()

    # --- its life ---

    def begin(self) -> None:
        """Start the thread and wait until requests are answered (`start` does this)."""
        self._thread.start()
        self._ready.result(_JOIN_SECONDS)

    def stop(self) -> None:
        """Finish what is under way, write purgatory down, free the port. May be called twice."""
        self._end(clean=True)

    def kill(self) -> None:
        """End at once, as a crash would: children die, the port is free, and purgatory is lost
        where the family keeps it in memory."""
        self._end(clean=False)

    def _end(self, *, clean: bool) -> None:
        if not self._thread.is_alive():
            return
        self._clean = clean
        if not clean:
            self._service.repos.kill_children()
        with contextlib.suppress(RuntimeError):  # another thread was faster
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_JOIN_SECONDS)

    def _crash(self) -> None:
        """From any thread: end as a kill would, once the answer to the deadly event is out."""
        self._clean = False
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._loop.call_later, _CRASH_SECONDS, self._stop.set)

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
            self._assembly.close(clean=self._clean)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        async with self._serving:
            self._ready.set_result(None)
            await self._stop.wait()


async def _end_tasks() -> None:
    """End what is left in the loop: aiohttp forgets handlers of idle connections."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=GRACE_SECONDS)


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
        OurFault: there is no such family, or a whitelist entry is none.
    """
    presets.named(spec.family)
    spec.archive.check()
    spec.directory.mkdir(parents=True, exist_ok=True)
    bound = bind(HOST, spec.port)
    try:
        server = RunningServer(spec, bound, clock, chance)
        server.begin()
    except BaseException:
        bound.close()
        raise
    return server
