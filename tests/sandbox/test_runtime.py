"""The locks of identifiers: nobody works beside a thread that is still at work."""

from __future__ import annotations

import asyncio
import threading

import pytest

from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.server import RunningServer

from .conftest import Starter

WAIT = 10.0


@pytest.fixture
def runtime(starter: Starter) -> Runtime:
    server: RunningServer = starter()
    return Runtime(server._service)


class Job:
    """Blocking work that ends when the test says so, and writes down in which order it did."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self._name, self._order = name, order

    def __call__(self) -> str:
        self.begun.set()
        assert self.may_end.wait(WAIT)
        self._order.append(self._name)
        return self._name

    async def has_begun(self) -> None:
        await asyncio.to_thread(self.begun.wait, WAIT)


def test_a_cancelled_job_keeps_its_lock_until_its_thread_has_ended(runtime: Runtime) -> None:
    order: list[str] = []
    first, second = Job("first", order), Job("second", order)
    second.may_end.set()

    async def scene() -> str:
        one = asyncio.create_task(runtime.run_locked(["widget"], first))
        await first.has_begun()
        one.cancel()
        two = asyncio.create_task(runtime.run_locked(["widget"], second))
        await asyncio.wait([one, two], timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
        one.cancel()  # again, while it waits for its thread
        assert not one.done(), "what its thread uses would be removed under it"
        assert not second.begun.is_set()
        first.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await one
        await asyncio.wait([two])
        await runtime.close()
        return await two

    assert asyncio.run(scene()) == "second"
    assert order == ["first", "second"]


def test_who_was_cancelled_has_put_everything_away_when_the_server_has_ended(
    runtime: Runtime,
) -> None:
    job = Job("job", [])

    async def scene() -> bool:
        task = asyncio.create_task(runtime.run_locked(["widget"], job))
        await job.has_begun()
        task.cancel()
        await asyncio.sleep(0)
        job.may_end.set()
        await runtime.close()
        return task.done()

    assert asyncio.run(scene())


def test_who_still_waits_for_the_lock_goes_at_once(runtime: Runtime) -> None:
    order: list[str] = []
    first, second = Job("first", order), Job("second", order)

    async def scene() -> None:
        one = asyncio.create_task(runtime.run_locked(["widget"], first))
        await first.has_begun()
        two = asyncio.create_task(runtime.run_locked(["gadget", "widget"], second))
        await asyncio.sleep(0)
        two.cancel()
        with pytest.raises(asyncio.CancelledError):
            await two
        first.may_end.set()
        assert await one == "first"
        await runtime.close()

    asyncio.run(scene())
    assert not second.begun.is_set()
