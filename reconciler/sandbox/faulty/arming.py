"""What happens at once when a fault is armed or lifted: losses, and a port that follows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from reconciler.sandbox.faults import Effect, Fault
from reconciler.sandbox.faulty.listener import FaultyListener
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.parked import Everything

_REACT_SECONDS: Final = 5
"""How long the one who arms a fault waits until the port shows it."""


class Arming:
    """Told of every fault of one server, by any thread; `listener` lives in `loop`."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self.listener: FaultyListener | None = None
        self._service = service
        self._loop = loop

    def armed(self, fault: Fault) -> None:
        """Lose what it takes, and return when the port is as it says. From within the loop, which
        cannot wait for itself, soon after."""
        _lose(self._service, fault.effect)
        with suppress(RuntimeError):  # the loop is closed: nothing to break any more
            if self._within():
                self._loop.create_task(self._react(fault))
            elif self._loop.is_running():
                reaction = asyncio.run_coroutine_threadsafe(self._react(fault), self._loop)
                reaction.result(_REACT_SECONDS)

    def _within(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    async def _react(self, fault: Fault) -> None:
        if self.listener:
            await self.listener.follow()
            if fault.effect is Effect.LOSE_PURGATORY:
                self.listener.slam()


def _lose(service: Service, effect: Effect) -> None:
    """Carry out a loss; other effects pass."""
    match effect:
        case Effect.LOSE_GIT:
            service.repos.remove_all()
        case Effect.LOSE_DATABASE:
            service.store.clear()
        case Effect.LOSE_PURGATORY:
            service.purgatory.restore(Everything())
            service.agenda.clear()
        case _:
            pass
