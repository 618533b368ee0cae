"""One WebSocket as the relay writes to it: answers in order, live events beside them."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from reconciler.sandbox.limits import LIVE_EVENTS
from reconciler.sandbox.metrics.metrics import Metrics


class HungUp(Exception):
    """The connection was ended from here; the session stops without another word."""


class Outbox:
    """The way out to one client."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        metrics: Metrics,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._metrics = metrics
        self._live: asyncio.Queue[str] = asyncio.Queue(LIVE_EVENTS)
        self._writing = asyncio.Lock()

    async def say(self, text: str) -> None:
        """Send one message. Raises HungUp."""
        self._metrics.sent.labels(text[2 : text.find('"', 2)]).inc()
        await self._write(text)

    def drop(self) -> None:
        """End without a word. Raises HungUp."""
        if self._transport:
            self._transport.close()
        raise HungUp

    def queue(self, text: str) -> None:
        """A live message, sent when there is time; lost when too many wait."""
        if not self._live.full():
            self._live.put_nowait(text)

    async def pump(self) -> None:
        """Send live messages for ever."""
        with contextlib.suppress(ConnectionError):  # the client left: `run` ends by itself
            while True:
                await self._send(await self._live.get())

    async def close(self) -> None:
        """The server stops: say goodbye."""
        await self._socket.close(code=1001)

    async def _write(self, text: str) -> None:
        """An answer on its way."""
        await self._send(text)

    async def _send(self, text: str) -> None:
        async with self._writing:
            await self._socket.send_str(text)
