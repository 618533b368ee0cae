"""A subscription that stays open on one relay: whoever listens hears of each event once it comes.

It is a hint and nothing more: what counts is what a run then reads. So nothing is asked twice for
it, a relay that floods is heard less, and one that is gone is tried again at growing intervals.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from socket import SHUT_RDWR
from threading import Event as Flag
from threading import Lock, Thread
from typing import Final

import websocket

from reconciler.edge import frames
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.frames import BoundedSocket, translated
from reconciler.errors import PeerFault
from reconciler.limits import DOOR_SECONDS, LIVE_EVENTS, LIVE_PING_SECONDS
from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, Sent
from reconciler.pacing.backoff import Backoff
from reconciler.world import Failure

_AGAIN: Final = Backoff(first=1, most=300, spread=0.2)
_MINUTE: Final = 60.0
_NAME: Final = "live"


class Live:
    """One relay. Events are verified, match the filters, and come in any order and number."""

    def __init__(self, server: str, egress: Egress, heard: Callable[[Event], None]) -> None:
        """Args: the server's canonical URL, the policy of connections, and who is told."""
        self._url = urls.relay(server)
        self._egress = egress
        self._heard = heard
        self._filters: tuple[Filter, ...] = ()
        self._socket: BoundedSocket | None = None
        self._lock = Lock()
        self._ended = Flag()
        self._thread: Thread | None = None
        self.connected = False

    def listen(self, filters: Sequence[Filter]) -> None:
        """Hear of what matches from now on, instead of what was asked for before."""
        with self._lock:
            if tuple(filters) == self._filters:
                return
            self._filters = tuple(filters)
            self._cut()
            if self._thread is None and filters:
                self._thread = Thread(target=self._run, daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Hear nothing more."""
        with self._lock:
            self._ended.set()
            self._cut()
        if self._thread:
            self._thread.join(2)

    def _run(self) -> None:
        failures = 0
        since = int(time.time())
        while not self._ended.is_set():
            begun = time.monotonic()
            with suppress(Failure):
                self._converse(since)
            self.connected = False
            # what came while nobody listened is told when the relay is back
            since = int(time.time()) - int(_MINUTE)
            failures = 1 if time.monotonic() - begun > _MINUTE else failures + 1
            self._ended.wait(_AGAIN.delay(failures, secrets.randbelow(1000) / 1000))

    def _converse(self, since: int) -> None:
        """Until the connection ends. Raises Failure."""
        with translated(lambda _: None):
            clock = Clock()
            socket = frames.connect(
                self._url, self._egress, clock, LIVE_PING_SECONDS, DOOR_SECONDS, lambda _: None
            )
            with ExitStack() as ends:
                ends.callback(socket.shutdown)
                ends.callback(self._held, None)
                filters = self._held(socket)
                socket.send(messages.req(_NAME, *(f.since_then(since) for f in filters)))
                self.connected = True
                self._read(socket, filters)

    def _held(self, socket: BoundedSocket | None) -> tuple[Filter, ...]:
        """The connection that `listen` and `end` cut; what is to be asked on it."""
        with self._lock:
            self._socket = socket
            return self._filters

    def _read(self, socket: BoundedSocket, filters: Sequence[Filter]) -> None:
        minute, count = time.monotonic(), 0
        while not self._ended.is_set():
            try:
                data = socket.receive()
            except websocket.WebSocketTimeoutException:
                socket.ping()  # silence is normal; a connection that is dead ends by this
                continue
            if time.monotonic() - minute > _MINUTE:
                minute, count = time.monotonic(), 0
            count += 1
            if count > LIVE_EVENTS:
                continue
            with suppress(PeerFault):
                match messages.parse_relay(data):
                    case Sent(_, raw):
                        event = verify(raw)
                        if any(wanted.matches(event) for wanted in filters):
                            self._heard(event)
                    case Closed():
                        return

    def _cut(self) -> None:
        """End the connection; the caller holds the lock."""
        if self._socket is not None and self._socket.sock is not None:
            with suppress(OSError):
                self._socket.sock.shutdown(SHUT_RDWR)
