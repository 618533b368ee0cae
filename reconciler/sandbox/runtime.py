"""The asynchronous side's way into the blocking one: worker threads, and a lock an identifier.

A lock belongs to an identifier and not to one owner's repository, because repositories of
different owners with the same identifier share objects and states.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from reconciler.sandbox.flow.tidy import tidy
from reconciler.sandbox.limits import FETCHES, WORKERS
from reconciler.sandbox.service import Service

P = ParamSpec("P")
T = TypeVar("T")


class Runtime:
    """One server's threads and locks. Lives in one event loop."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.fetches = asyncio.Semaphore(FETCHES)
        self.stopping = False
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix=service.spec.name)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._at_work = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, lambda: work(*args, **kwargs))

    async def run_locked(
        self,
        identifiers: Iterable[str],
        work: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do blocking work while nobody else works on these identifiers. Always in one order, so
        that two who need several cannot wait for each other.

        Work that has begun is waited for even when the caller is cancelled: a thread cannot be
        stopped, and until it ends the locks and the caller's files are in its use.
        """
        async with AsyncExitStack() as held:
            for identifier in sorted(set(identifiers)):
                lock = self._locks.setdefault(identifier, asyncio.Lock())
                await held.enter_async_context(lock)
            return await self._to_its_end(lambda: work(*args, **kwargs))

    async def tidy(self) -> None:
        """Clean purgatory where something expired. Cheap when nothing did."""
        service = self.service
        due = service.agenda.overdue()
        if service.purgatory.is_due():
            due |= service.purgatory.overdue()
        for identifier in due:
            await self.run_locked([identifier], tidy, service, identifier)

    async def _to_its_end(self, work: Callable[[], T]) -> T:
        """Do blocking work in a thread; a cancellation comes through when the thread has ended."""
        job = self._workers.submit(work)
        ended = asyncio.wrap_future(job)
        self._at_work += 1
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            job.cancel()  # one that has not begun never does
            while not ended.done():
                with suppress(asyncio.CancelledError):  # asked once more: it still takes its time
                    await asyncio.wait([ended])
            raise
        finally:
            self._at_work -= 1

    async def close(self) -> None:
        """Wait for the threads, and for those who wait for them; nothing new is started."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        while self._at_work:  # their threads have ended: they need a few turns of the loop
            await asyncio.sleep(0)
