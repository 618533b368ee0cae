"""All WebSockets of one server: opened within its budgets, and told of what is new."""

from __future__ import annotations

import asyncio
import time
from itertools import count

from aiohttp import web

from reconciler.nostr.event import Event
from reconciler.sandbox.family.rates import Buckets, Per
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.wire.outbox import Outbox
from reconciler.sandbox.wire.questions import Questions
from reconciler.sandbox.wire.relay import Session


class Connections:
    """All open connections of one server, and the budgets that they share."""

    def __init__(self) -> None:
        self._sessions: dict[Session, str] = {}
        self._numbers = count()
        self._budgets: tuple[Buckets, Buckets] | None = None

    @property
    def addresses(self) -> int:
        """From how many addresses there are connections."""
        return len(set(self._sessions.values()))

    @property
    def budgets(self) -> int:
        """How many budgets for events are remembered."""
        return len(self._budgets[1]) if self._budgets else 0

    async def serve(self, runtime: Runtime, request: web.Request) -> web.StreamResponse:
        """Upgrade and serve one client to its end; 429 beyond the address's connections."""
        service, limits = runtime.service, runtime.service.family.limits
        connections, events = self._shared(runtime)
        address = request.remote or ""
        if not connections.take(address):
            return web.Response(status=429, text=connections.text)
        socket = web.WebSocketResponse(
            max_msg_size=limits.message_bytes,
            compress=False,
            timeout=0.5,
            heartbeat=limits.ping_seconds,
        )
        await socket.prepare(request)
        service.counters.bump("connections")
        service.metrics.connections.inc()
        shared = limits.events is not None and limits.events.per is Per.ADDRESS
        own = str(next(self._numbers))
        payer = address if shared else own
        session = self._session(runtime, socket, request.transport, events, payer)
        self._sessions[session] = address
        began = time.monotonic()
        try:
            with service.metrics.open.track_inprogress():
                await session.run(socket)
        finally:
            del self._sessions[session]
            events.forget(own)  # an address keeps its budget: who comes back is no newcomer
            service.metrics.duration.observe(time.monotonic() - began)
        return socket

    def publish(self, event: Event) -> None:
        """Offer an event to everybody; call it in the event loop."""
        for session in self._sessions:
            session.offer(event)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(s.close() for s in list(self._sessions)), return_exceptions=True)

    def _session(
        self,
        runtime: Runtime,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        budget: Buckets,
        payer: str,
    ) -> Session:
        outbox = Outbox(socket, transport, runtime.service.metrics)
        return Session(runtime, outbox, Questions(runtime.service), budget, payer)

    def _shared(self, runtime: Runtime) -> tuple[Buckets, Buckets]:
        """Budgets for connections and for events."""
        if self._budgets is None:
            service, limits = runtime.service, runtime.service.family.limits
            on = service.spec.limited
            self._budgets = (
                Buckets(limits.connections if on else None, service.clock),
                Buckets(limits.events if on else None, service.clock),
            )
        return self._budgets
