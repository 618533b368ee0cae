"""One WebSocket as the relay writes to it: answers in order, live events beside them, and faults.

A fault that struck the message under way changes every answer to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import Final

from aiohttp import web

from reconciler.sandbox.faults import Effect, Fault
from reconciler.sandbox.metrics.metrics import Metrics
from reconciler.sandbox.wire import broken

LIVE_EVENTS: Final = 1024
"""Live messages that may wait for a slow client; later ones are lost to it, as on real relays."""
_CUT_FRAME: Final = b"\x81\x7e\x01\x00" + b'["OK","'
"""A WebSocket text frame that promises 256 bytes and brings 7 (RFC 6455, 5.2)."""
_PAUSE_SECONDS: Final = 0.05
"""For what is written to be on its way before a reset, which would overtake it."""
_SLOW_SECONDS: Final = 0.01
"""Between two pieces of a slow message."""
_TEXT: Final = 1
_LAST: Final = 0x80


def _frame(head: int, payload: bytes) -> bytes:
    """A WebSocket frame as servers send it: not masked (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", head, size) + payload
    if size < 2**16:
        return struct.pack("!BBH", head, 126, size) + payload
    return struct.pack("!BBQ", head, 127, size) + payload


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
        self._writing = asyncio.Lock()
        self.fault: Fault | None = None

    async def say(self, text: str) -> None:
        """Send one message, or what the fault makes of it. Raises Ended."""
        self._metrics.sent.labels(text[2 : text.find('"', 2)]).inc()
        match self.fault.effect if self.fault else Effect.NONE:
            case Effect.RESET_ANSWER:
                self._half()
                await asyncio.sleep(_PAUSE_SECONDS)
                broken.reset(self._transport)
                raise Ended
            case Effect.TRUNCATE:
                await self._send(text[: len(text) // 2])
                return
            case Effect.DUPLICATE:
                await self._send(text)
            case Effect.SLOW:
                await self._slowly(text.encode(), max(1, self.fault.value if self.fault else 0))
                return
            case _:
                pass
        await self._send(text)

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
                await self._send(await self._live.get())

    async def close(self) -> None:
        """The server stops: say goodbye."""
        await self._socket.close(code=1001)

    async def _send(self, text: str) -> None:
        async with self._writing:
            await self._socket.send_str(text)

    async def _slowly(self, data: bytes, step: int) -> None:
        """One message in pieces. Each is a fragment (RFC 6455, 5.4), because between fragments,
        and not within a frame, our pings may pass; other messages wait."""
        starts = range(0, len(data), step)
        async with self._writing:
            for at in starts:
                if self._transport is None or self._transport.is_closing():
                    raise ConnectionResetError("the client left")
                head = (_TEXT if at == 0 else 0) | (_LAST if at == starts[-1] else 0)
                self._transport.write(_frame(head, data[at : at + step]))
                await asyncio.sleep(_SLOW_SECONDS)

    def _half(self) -> None:
        if self._transport:
            self._transport.write(_CUT_FRAME)
