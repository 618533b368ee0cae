"""Answers on a WebSocket, broken the way a fault says: cut, doubled, slow."""

from __future__ import annotations

import asyncio
import struct
from typing import Final

from reconciler.sandbox.faults import HEALTHY, Effect, Fault
from reconciler.sandbox.faulty.broken import reset
from reconciler.sandbox.wire.outbox import HungUp, Outbox

_CUT_FRAME: Final = b"\x81\x7e\x01\x00" + b'["OK","'
"""A WebSocket text frame that promises 256 bytes and brings 7 (RFC 6455, 5.2)."""
_PAUSE_SECONDS: Final = 0.05
"""For what is written to be on its way before a reset, which would overtake it."""
_SLOW_SECONDS: Final = 0.01
"""Between two pieces of a slow message."""
_TEXT: Final = 1
_LAST: Final = 0x80


class FaultyOutbox(Outbox):
    """`fault` is that of the message under way; it changes every answer to it."""

    fault: Fault = HEALTHY

    def cut(self) -> None:
        """Half a frame and an orderly end. Raises HungUp."""
        self._half()
        self.drop()

    def reset(self) -> None:
        """End hard. Raises HungUp."""
        reset(self._transport)
        raise HungUp

    async def _write(self, text: str) -> None:
        match self.fault.effect:
            case Effect.RESET_ANSWER:
                self._half()
                await asyncio.sleep(_PAUSE_SECONDS)
                self.reset()
            case Effect.TRUNCATE:
                await self._send(text[: len(text) // 2])
            case Effect.DUPLICATE:
                await self._send(text)
                await self._send(text)
            case Effect.SLOW:
                await self._slowly(text.encode(), max(1, self.fault.value))
            case _:
                await self._send(text)

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


def _frame(head: int, payload: bytes) -> bytes:
    """A WebSocket frame as servers send it: not masked (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", head, size) + payload
    if size < 2**16:
        return struct.pack("!BBH", head, 126, size) + payload
    return struct.pack("!BBQ", head, 127, size) + payload
