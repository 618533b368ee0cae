"""One WebSocket as the relay writes to it: answers in order, live events beside them, and faults.

A fault that struck the message under way changes every answer to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from reconciler.sandbox.counts.metrics import Metrics
from reconciler.sandbox.faults import Effect, Fault
from reconciler.sandbox.wire import broken

LIVE_EVENTS: Final = 1024
"""Live messages that may wait for a slow client; later ones are lost to it, as on real relays."""
_CUT_FRAME: Final = b"\x81\x7e\x01\x00" + b'["OK","'
"""A WebSocket text frame that promises 256 bytes and brings 7 (RFC 6455, 5.2)."""
_SLOW_SECONDS: Final = 0.05
"""Before each message of a slow server."""


class Ended(Exception):
    """A fault has ended the connection; the session stops without another word."""


class Channel:
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
        self.fault: Fault | None = None

    async def say(self, text: str) -> None:
        """Send one message, or what the fault makes of it. Raises Ended."""
        self._metrics.sent.labels(text[2 : text.find('"', 2)]).inc()
        match self.fault.effect if self.fault else Effect.NONE:
            case Effect.RESET_ANSWER:
                self._half()
                await asyncio.sleep(_SLOW_SECONDS)  # RST would overtake what is not sent yet
                broken.reset(self._transport)
                raise Ended
            case Effect.TRUNCATE:
                await self._socket.send_str(text[: len(text) // 2])
                return
            case Effect.DUPLICATE:
                await self._socket.send_str(text)
            case Effect.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
            case _:
                pass
        await self._socket.send_str(text)

    def cut(self) -> None:
        """Half a frame and an orderly end. Raises Ended."""
        self._half()
        self.drop()

    def drop(self) -> None:
        """End without a word. Raises Ended."""
        if self._transport:
            self._transport.close()
        raise Ended

    def reset(self) -> None:
        """End hard. Raises Ended."""
        broken.reset(self._transport)
        raise Ended

    def queue(self, text: str) -> None:
        """A live message, sent when there is time; lost when too many wait."""
        if not self._live.full():
            self._live.put_nowait(text)

    async def pump(self) -> None:
        """Send live messages for ever."""
        with contextlib.suppress(ConnectionError):  # the client left: `run` ends by itself
            while True:
                await self._socket.send_str(await self._live.get())

    async def close(self) -> None:
        """The server stops: say goodbye."""
        await self._socket.close(code=1001)

    def _half(self) -> None:
        if self._transport:
            self._transport.write(_CUT_FRAME)
