"""A relay whose connections suffer: faults of messages, of questions and of events."""

from __future__ import annotations

import asyncio

from aiohttp import web

from reconciler.nostr import messages
from reconciler.nostr.event import Event
from reconciler.sandbox.family.rates import Buckets
from reconciler.sandbox.faults import HEALTHY, Effect, Faults, Stage
from reconciler.sandbox.faulty.outbox import FaultyOutbox
from reconciler.sandbox.faulty.questions import FaultyQuestions
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.wire.connections import Connections
from reconciler.sandbox.wire.relay import Session


class FaultyConnections(Connections):
    """Connections that show faults."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    def _session(
        self,
        runtime: Runtime,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        budget: Buckets,
        payer: str,
    ) -> Session:
        outbox = FaultyOutbox(socket, transport, runtime.service.metrics)
        return FaultySession(runtime, outbox, budget, payer, self._faults)


class FaultySession(Session):
    """One connection, struck message by message."""

    def __init__(
        self, runtime: Runtime, outbox: FaultyOutbox, budget: Buckets, payer: str, faults: Faults
    ) -> None:
        super().__init__(runtime, outbox, FaultyQuestions(runtime.service, faults), budget, payer)
        self._broken = outbox
        self._faults = faults

    async def _handle(self, text: str | bytes) -> None:
        """The fault comes before anything is done with the message."""
        plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
        fault = self._faults.strike(Stage.MESSAGE, message=plain) or HEALTHY
        self._broken.fault = fault
        match fault.effect:
            case Effect.HANG:
                await self._faults.outlast(lambda: self._runtime.stopping)
            case Effect.CUT:
                self._broken.cut()
            case Effect.RESET_REQUEST:
                self._broken.reset()
            case _:
                pass
        await super()._handle(text)

    async def _judge(self, event: Event) -> None:
        """A lie: OK, and nothing is stored."""
        if self._faults.strike(Stage.PUBLISH, message=f"EVENT {event.id}"):
            await self._outbox.say(messages.ok(event.id, True))
        else:
            await super()._judge(event)
