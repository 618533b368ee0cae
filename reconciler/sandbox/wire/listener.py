"""The listening socket, and each new connection on its way to the server."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from reconciler.errors import NetworkFault


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket at this address that does not listen yet; port 0 picks a free one.

    Raises:
        NetworkFault: the port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise NetworkFault(f"port {port}: {error}") from None
    return bound


class Listener:
    """Lives in the server's event loop."""

    def __init__(self, bound: socket.socket, runner: web.AppRunner) -> None:
        """`runner` is set up already."""
        self._bound = bound
        self._runner = runner
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accept, sock=self._bound)

    async def shut(self) -> None:
        """Stop for good and free the port."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._bound.close()

    def _accept(self) -> asyncio.Protocol:
        server = self._runner.server
        return server() if server else asyncio.Protocol()  # none: everything has ended
