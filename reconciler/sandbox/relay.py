"""One client's WebSocket (NIP-01, NIP-45): messages in order, live events beside them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

from aiohttp import WSMsgType, web

from reconciler.errors import PeerFault
from reconciler.limits import WS_MESSAGE_BYTES
from reconciler.nostr import messages
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Close, Count, Publish, Req
from reconciler.nostr.strictjson import Json, dumps
from reconciler.sandbox import admission
from reconciler.sandbox.runtime import Runtime

SUBSCRIPTIONS: Final = 500
"""Open subscriptions of one connection."""
LIVE_EVENTS: Final = 1024
"""Live messages that may wait for a slow client; later ones are lost to it, as on real relays."""
_INLINE_BYTES: Final = 64 * 2**10
"""Messages up to this size are read in the event loop; larger ones in a thread."""
_CUT_FRAME: Final = b"\x81\x7e\x01\x00" + b'["OK","'
"""A WebSocket text frame that promises 256 bytes and brings 7 (RFC 6455, 5.2)."""


@dataclass(slots=True)
class Subscription:
    """An open REQ. Until its EOSE is out, live events wait in `held`."""

    filters: tuple[Filter, ...]
    held: list[Event] | None = field(default_factory=list)


class Session:
    """One connection."""

    def __init__(self, runtime: Runtime, socket: web.WebSocketResponse) -> None:
        self._runtime = runtime
        self._service = runtime.service
        self._socket = socket
        self._subscriptions: dict[str, Subscription] = {}
        self._live: asyncio.Queue[str] = asyncio.Queue(LIVE_EVENTS)

    async def run(self, transport: asyncio.Transport | None) -> None:
        """Serve until the client goes, or a fault ends it."""
        pump = asyncio.create_task(self._pump())
        try:
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                await self._runtime.outlast_hang()
                if self._service.faults.active.cut and transport:
                    transport.write(_CUT_FRAME)
                    transport.close()
                    break
                await self._handle(message.data)
        except ConnectionError:
            pass  # the client left while we were writing
        finally:
            pump.cancel()

    def offer(self, event: Event) -> None:
        """A new event was served: pass it on to the subscriptions that want it."""
        for name, subscription in self._subscriptions.items():
            if not any(one.matches(event) for one in subscription.filters):
                continue
            if subscription.held is None:
                self._queue(messages.event(event, name))
            elif len(subscription.held) < LIVE_EVENTS:
                subscription.held.append(event)

    async def close(self) -> None:
        """The server stops: say goodbye."""
        await self._socket.close(code=1001)

    async def _pump(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client left: `run` ends by itself
            while True:
                await self._socket.send_str(await self._live.get())

    def _queue(self, text: str) -> None:
        if not self._live.full():
            self._live.put_nowait(text)

    async def _handle(self, text: str | bytes) -> None:
        try:
            if len(text) <= _INLINE_BYTES:
                message = messages.parse_client(text)
            else:
                message = await self._runtime.run(messages.parse_client, text)
        except PeerFault as fault:
            await self._socket.send_str(messages.notice(f"invalid: {fault}"))
            return
        match message:
            case Publish(raw):
                await self._publish(raw, len(text))
            case Req(name, filters):
                await self._req(name, filters)
            case Count(name, filters):
                await self._count(name, filters)
            case Close(name):
                self._subscriptions.pop(name, None)

    async def _publish(self, raw: Json, size: int) -> None:
        self._service.counters.bump("events_received")
        try:
            if size <= _INLINE_BYTES:
                event = verify(raw)
            else:
                event = await self._runtime.run(verify, raw)
        except PeerFault as fault:
            await self._refuse(raw, f"invalid: {fault}")
            return
        await self._runtime.tidy()
        needed = admission.identifiers(self._service, event)
        work = admission.receive
        try:
            answer = await self._runtime.run_locked(needed, work, self._service, event)
        except PeerFault as fault:
            await self._refuse(raw, f"error: {fault}")
            return
        if answer.accepted:
            self._service.counters.bump("events_accepted")
        await self._socket.send_str(messages.ok(event.id, answer.accepted, answer.message))

    async def _refuse(self, raw: Json, reason: str) -> None:
        event_id = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(event_id, str):
            await self._socket.send_str(messages.ok(event_id, False, reason))
        else:
            await self._socket.send_str(messages.notice(reason))

    async def _req(self, name: str, filters: tuple[Filter, ...]) -> None:
        self._service.counters.bump("reqs")
        if name not in self._subscriptions and len(self._subscriptions) >= SUBSCRIPTIONS:
            await self._socket.send_str(messages.closed(name, "rate-limited: too many REQs"))
            return
        subscription = Subscription(filters)
        self._subscriptions[name] = subscription  # before reading, so that nothing falls between
        dialect = self._service.dialect
        texts = await self._runtime.run(
            self._service.store.texts,
            filters,
            now=self._service.clock(),
            default=dialect.default_limit,
            most=dialect.max_limit,
        )
        head = f'["EVENT",{dumps(name)},'
        for text in texts:
            await self._socket.send_str(f"{head}{text}]")
        await self._socket.send_str(messages.eose(name))
        self._go_live(name, subscription, frozenset(texts))

    def _go_live(self, name: str, subscription: Subscription, sent: frozenset[str]) -> None:
        held, subscription.held = subscription.held or [], None
        for event in held:
            if dumps(event.to_json()) not in sent:
                self._queue(messages.event(event, name))

    async def _count(self, name: str, filters: tuple[Filter, ...]) -> None:
        self._service.counters.bump("counts")
        store, now = self._service.store, self._service.clock()
        number = await self._runtime.run(store.count, filters, now=now)
        await self._socket.send_str(messages.count(name, number))


class Hub:
    """All open connections of one server."""

    def __init__(self) -> None:
        self._sessions: set[Session] = set()

    async def serve(self, runtime: Runtime, request: web.Request) -> web.WebSocketResponse:
        """Upgrade and serve one client to its end."""
        socket = web.WebSocketResponse(
            max_msg_size=WS_MESSAGE_BYTES, compress=False, timeout=0.5, heartbeat=60.0
        )
        await socket.prepare(request)
        runtime.service.counters.bump("connections")
        session = Session(runtime, socket)
        self._sessions.add(session)
        try:
            await session.run(request.transport)
        finally:
            self._sessions.discard(session)
        return socket

    def publish(self, event: Event) -> None:
        """Offer an event to everybody; call it in the event loop."""
        for session in self._sessions:
            session.offer(event)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(s.close() for s in list(self._sessions)), return_exceptions=True)
