"""Peers that real servers cannot be made into: a relay that follows the test's orders, and a
metered way to a git server. Both are real listeners on loopback, in a thread of their own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from reconciler.nostr import messages
from reconciler.nostr.event import Event
from reconciler.nostr.messages import Close, Req


class Listener:
    """A loop in a thread. Use as a context manager."""

    def __enter__(self) -> Any:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = self.call(self.open())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.shut())
        self.call(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def call(self, work: Any) -> Any:
        """Run something in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def open(self) -> int:
        """Listen; returns the port."""
        raise NotImplementedError

    async def shut(self) -> None:
        """Listen no more."""
        raise NotImplementedError


class OddRelay(Listener):
    """Answers at most `cap` events, newest first; `max_limit` is what it says of that in NIP-11.
    `asked` is every filter that came, as JSON.

    `silent` says for which filters EOSE is held back; `refusal` is the CLOSED text for every REQ;
    `down` refuses connections; `hang` accepts them and says nothing. The event whose id
    is `corrupt` is sent with a wrong signature.
    """

    def __init__(
        self,
        *events: Event,
        cap: int = 1000,
        nips: tuple[int, ...] = (1, 11),
        max_limit: int | None = None,
    ) -> None:
        self.stored = list(events)
        self.asked: list[dict[str, Any]] = []
        self.connections = 0
        self.silent: Callable[[dict[str, Any]], bool] = lambda _: False
        self.refusal = ""
        self.corrupt = ""
        self.down = self.hang = False
        self._cap = cap
        self._information: dict[str, Any] = {"supported_nips": list(nips)}
        if max_limit:
            self._information["limitation"] = {"max_limit": max_limit}
        self._sockets: dict[web.WebSocketResponse, dict[str, Req]] = {}
        self._held: list[tuple[web.WebSocketResponse, str]] = []

    @property
    def open_sockets(self) -> int:
        """Connections that stand."""
        return len(self._sockets)

    @property
    def held(self) -> int:
        """Answers whose EOSE is held back."""
        return len(self._held)

    @property
    def url(self) -> str:
        """ws://…"""
        return f"ws://127.0.0.1:{self.port}"

    async def open(self) -> int:
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def shut(self) -> None:
        self.hang = False
        await self._drop()
        await self._runner.cleanup()

    def drop(self) -> None:
        """End all connections."""
        self.call(self._drop())

    def speak(self) -> None:
        """Send every EOSE that was held back."""

        async def send() -> None:
            for socket, name in self._held:
                await socket.send_str(messages.eose(name))
            self._held.clear()

        self.silent = lambda _: False
        self.call(send())

    def publish(self, *events: Event) -> None:
        """Store events and tell who follows."""

        async def send() -> None:
            for event in events:
                self.stored.append(event)
                for socket, subscriptions in self._sockets.items():
                    for name, req in subscriptions.items():
                        if any(f.matches(event) for f in req.filters):
                            await socket.send_str(self._text(event, name))

        self.call(send())

    def _text(self, event: Event, name: str) -> str:
        text = messages.event(event, name)
        return text.replace(event.sig, "0" * 128) if event.id == self.corrupt else text

    async def _drop(self) -> None:
        self._held.clear()
        for socket in list(self._sockets):
            with suppress(ConnectionError):
                await socket.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        while self.hang:
            await asyncio.sleep(0.05)
        if self.down:
            return web.Response(status=503)
        if "Upgrade" not in request.headers:
            return web.json_response(self._information)
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        self.connections += 1
        self._sockets[socket] = {}
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._handle(socket, message.data)
        except ConnectionError:
            pass
        finally:
            del self._sockets[socket]
        return socket

    async def _handle(self, socket: web.WebSocketResponse, text: str) -> None:
        message = messages.parse_client(text)
        if isinstance(message, Close):
            self._sockets[socket].pop(message.subscription, None)
        if not isinstance(message, Req):
            return
        filters = json.loads(text)[2:]
        self.asked += filters
        if self.refusal:
            await socket.send_str(messages.closed(message.subscription, self.refusal))
            return
        self._sockets[socket][message.subscription] = message
        for one in message.filters:
            found = sorted(filter(one.matches, self.stored), key=lambda e: -e.created_at)
            for event in found[: min(one.limit or self._cap, self._cap)]:
                await socket.send_str(self._text(event, message.subscription))
        if any(map(self.silent, filters)):
            self._held.append((socket, message.subscription))
        else:
            await socket.send_str(messages.eose(message.subscription))


class Meter(Listener):
    """A way to an HTTP server that counts connections (git opens one a fetch), each of which takes
    at least `delay` seconds. `starts` are times on the test's clock, `paths` the first requests."""

    def __init__(self, target: str, clock: Callable[[], float], delay: float = 0.0) -> None:
        self.starts: list[float] = []
        self.paths: list[str] = []
        self.most = 0
        self._inside = 0
        self._target = urlsplit(target)
        self._clock = clock
        self._delay = delay

    @property
    def url(self) -> str:
        """http://…"""
        return f"http://127.0.0.1:{self.port}"

    def busiest_minute(self) -> int:
        """The most starts within any 60 seconds."""
        return max(sum(s - 60 < t <= s for t in self.starts) for s in self.starts)

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def shut(self) -> None:
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # asyncio would log it as an error of ours
            await self._pass_on(reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.starts.append(self._clock())
        self._inside += 1
        self.most = max(self.most, self._inside)
        try:
            head = await reader.readline()
            self.paths.append(head.split()[1].decode())
            await asyncio.sleep(self._delay)
            there = await asyncio.open_connection(self._target.hostname, self._target.port)
            there[1].write(head)
            ends = [_copy(reader, there[1]), _copy(there[0], writer)]
            tasks = [asyncio.create_task(end) for end in ends]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            there[1].close()
        finally:
            self._inside -= 1
            writer.close()


async def _end_tasks() -> None:
    """A task that is forgotten while it waits complains much later, in somebody else's test."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
