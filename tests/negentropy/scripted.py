"""A relay that does what a test says, for answers that no server of ours gives."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Script = Callable[[list[Any]], Sequence[str | bytes] | None]
"""A client's message in, the relay's messages out; None cuts the connection. Bytes are sent as a
text frame, whatever is in them."""


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """A relay on loopback; its base URL."""
    loop = asyncio.new_event_loop()
    ready: Future[str] = Future()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(script, ready, stop),))
    thread.start()
    try:
        yield ready.result(10)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


async def _serve(script: Script, ready: Future[str], stop: asyncio.Event) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        async for message in socket:
            answers = script(json.loads(message.data))
            if answers is None:
                break
            for text in answers:
                if isinstance(text, str):
                    await socket.send_str(text)
                elif request.transport:
                    request.transport.write(b"\x81" + bytes([len(text)]) + text)
        return socket

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    ready.set_result(f"http://127.0.0.1:{port}")
    await stop.wait()
    await runner.cleanup()
