"""The listening socket: open, or refusing, and each new connection on its way to the server.

While it refuses, the port stays ours: a socket that is bound and does not listen answers with RST,
as a dead server's port does.
"""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from reconciler.errors import NetworkFault
from reconciler.sandbox.faults import Effect, Faults, Stage
from reconciler.sandbox.wire import broken


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket at this address that does not listen yet; port 0 picks a free one.

    Raises:
        NetworkFault: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise NetworkFault(f"port {port}: {error}") from None
    return listener


class Door:
    """Lives in the server's event loop."""

    def __init__(self, listener: socket.socket, runner: web.AppRunner, faults: Faults) -> None:
        """`runner` is set up already."""
        self._listener = listener
        self._runner = runner
        self._faults = faults
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._guest, sock=self._listener)

    async def refuse(self) -> None:
        """Stop listening, end every connection, and keep the port."""
        if self._server is None:
            return
        host, port = self._listener.getsockname()
        self._server.close()  # closes the socket, too
        self._server = None
        self._listener = bind(host, port)
        self.slam()

    def slam(self) -> None:
        """End every connection at once."""
        server = self._runner.server
        for handler in server.connections if server else ():
            if handler.transport is not None:
                broken.reset(handler.transport)

    async def shut(self) -> None:
        """Stop for good and free the port."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._listener.close()

    async def follow(self) -> None:
        """Refuse, or stop refusing, as the faults have it now."""
        if self._faults.shows(Effect.REFUSE):
            await self.refuse()
        else:
            await self.open()

    def _guest(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or self._faults.strike(Stage.CONNECT):
            return _Reset()
        return server()


class _Reset(asyncio.Protocol):
    """Accepts a connection and resets it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        broken.reset(transport)
