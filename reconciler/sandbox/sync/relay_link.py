"""One WebSocket to another relay: questions that end, and questions that stay open for live events.

Reading never waits for a question to be dealt with longer than its buffer allows, and what is
buffered is bounded; a peer that floods stops being read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import aiohttp

from reconciler.errors import NetworkFault, PeerFault
from reconciler.limits import CONNECT_SECONDS, NIP11_BYTES, READ_SECONDS, REQ_PAGE, WS_MESSAGE_BYTES
from reconciler.nostr import messages, nip11, urls
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, Eose, RelayMessage, Sent
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.strictjson import Json

_BUFFER: Final = 2 * REQ_PAGE
"""Messages that may wait to be dealt with, of one question and of all live ones together."""


_GOODBYE_SECONDS: Final = 1.0
"""How long the closing handshake may take."""


class RateLimited(PeerFault):
    """The relay asks to be left alone for a while."""


class RelayLink:
    """A connection. `read` must run beside every use of it; it raises when the connection ends."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, info: RelayInfo) -> None:
        self.info = info
        self.live: asyncio.Queue[Json] = asyncio.Queue(_BUFFER)
        self._socket = socket
        self._names = count(1)
        self._inboxes: dict[str, asyncio.Queue[RelayMessage]] = {}
        self._following: set[str] = set()

    async def read(self) -> None:
        """Hand messages out until the connection ends.

        Raises:
            NetworkFault: it ended.
            PeerFault: the relay sent nonsense.
        """
        async for message in self._socket:
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                break
            await self._sort(messages.parse_relay(message.data))
        raise NetworkFault("the relay closed the connection")

    async def ask(self, question: Filter) -> list[Json]:
        """One answer, up to its EOSE; events are unverified."""
        name, inbox = self._open()
        found: list[Json] = []
        try:
            await self.send(messages.req(name, question))
            while True:
                match await self.receive(inbox):
                    case Sent(_, raw):
                        found.append(raw)
                    case Eose():
                        await self.send(messages.close(name))
                        return found
                    case Closed(_, text):
                        _raise_closed(text)
                        return found  # ngit-grasp ends an `ids` question by itself
                if len(found) > _BUFFER:
                    raise PeerFault("the relay sent more than was asked for")
        finally:
            self._inboxes.pop(name, None)

    async def follow(self, questions: Sequence[Filter]) -> str:
        """Let new events come to `live`; returns the question's name after its EOSE.

        The limit of 1 holds only for stored events (NIP-01), which `ask` pages through; 0 is not
        understood everywhere.
        """
        name, inbox = self._open()
        self._following.add(name)
        limited = (one.page(until=None, limit=1) for one in questions)
        try:
            await self.send(messages.req(name, *limited))
            while True:
                match await self.receive(inbox):
                    case Eose():
                        return name
                    case Closed(_, text):
                        _raise_closed(text or "closed at once")
        finally:
            self._inboxes.pop(name, None)

    async def unfollow(self, name: str) -> None:
        """End a live question."""
        self._following.discard(name)
        await self.send(messages.close(name))

    @asynccontextmanager
    async def conversation(self) -> AsyncIterator[tuple[str, asyncio.Queue[RelayMessage]]]:
        """A name and its inbox, for exchanges that are no REQ."""
        name, inbox = self._open()
        try:
            yield name, inbox
        finally:
            self._inboxes.pop(name, None)

    async def send(self, text: str) -> None:
        """Send one message."""
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise NetworkFault(str(error)) from None

    async def receive(self, inbox: asyncio.Queue[RelayMessage]) -> RelayMessage:
        """The next message of a question.

        Raises:
            NetworkFault: the relay fell silent.
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await inbox.get()
        except TimeoutError:
            raise NetworkFault("the relay fell silent") from None

    def _open(self) -> tuple[str, asyncio.Queue[RelayMessage]]:
        name = f"s{next(self._names)}"
        self._inboxes[name] = asyncio.Queue(_BUFFER)
        return name, self._inboxes[name]

    async def _sort(self, message: RelayMessage) -> None:
        name = getattr(message, "subscription", "")
        inbox = self._inboxes.get(name)
        is_event, is_followed = isinstance(message, Sent), name in self._following
        if inbox is None and is_followed:
            if isinstance(message, Sent):
                await self.live.put(message.raw)
            elif isinstance(message, Closed):
                _raise_closed(message.message or "a live question was closed")
        elif inbox is not None and not (is_event and is_followed):
            # What a live question shows before its EOSE is stored, and `ask` brings it.
            await inbox.put(message)


@asynccontextmanager
async def connect(http: aiohttp.ClientSession, server: str) -> AsyncIterator[RelayLink]:
    """Connect to the relay at a canonical URL, for as long as the block runs.

    Raises:
        NetworkFault: no connection, or no WebSocket there.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS + READ_SECONDS):
            info = await _info(http, server)
            socket = await http.ws_connect(
                urls.relay(server),
                max_msg_size=WS_MESSAGE_BYTES,
                heartbeat=30.0,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=_GOODBYE_SECONDS),
            )
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise NetworkFault(f"{server}: {str(error) or type(error).__name__}") from None
    try:
        yield RelayLink(socket, info)
    finally:
        await socket.close()


async def _info(http: aiohttp.ClientSession, server: str) -> RelayInfo:
    """NIP-11, as far as there is any; a relay without it is a plain relay."""
    headers = {"Accept": "application/nostr+json"}
    async with http.get(f"{server}/", headers=headers, allow_redirects=False) as answer:
        body = b""
        while len(body) <= NIP11_BYTES and (chunk := await answer.content.readany()):
            body += chunk
    try:
        return nip11.parse(body)
    except PeerFault:
        return RelayInfo()


def _raise_closed(text: str) -> None:
    if text.startswith("rate-limited"):
        raise RateLimited(text)
    if text:
        raise PeerFault(f"the relay closed a question: {text[:200]}")
