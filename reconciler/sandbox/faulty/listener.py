"""A port that refuses, or resets new connections.

While it refuses, the port stays ours: a socket that is bound and does not listen answers with RST,
as a dead server's port does.
"""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from reconciler.sandbox.faults import Effect, Faults, Stage
from reconciler.sandbox.faulty.broken import reset
from reconciler.sandbox.wire.listener import Listener, bind


class FaultyListener(Listener):
    """A listener that does as the faults have it."""

    def __init__(self, bound: socket.socket, runner: web.AppRunner, faults: Faults) -> None:
        super().__init__(bound, runner)
        self._faults = faults

    async def follow(self) -> None:
        """Refuse, or stop refusing, as the faults have it now."""
        if self._faults.shows(Effect.REFUSE):
            self._refuse()
        else:
            await self.open()

    def slam(self) -> None:
        """End every connection at once."""
        server = self._runner.server
        for handler in server.connections if server else ():
            reset(handler.transport)

    def _refuse(self) -> None:
        """Stop listening, end every connection, and keep the port."""
        if self._server is None:
            return
        host, port = self._bound.getsockname()
        self._server.close()  # closes the socket, too
        self._server = None
        self._bound = bind(host, port)
        self.slam()

    def _accept(self) -> asyncio.Protocol:
        return _Reset() if self._faults.strike(Stage.CONNECT) else super()._accept()


class _Reset(asyncio.Protocol):
    """Accepts a connection and resets it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        reset(transport)
