"""A relay conversation over `websocket-client`: paged questions, confirmed publications.

The socket comes from the egress policy, TLS is ours, redirects and environment proxies do not
exist here, and frames are counted while they are read, so that a peer cannot make us buffer what
we would refuse.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from threading import RLock
from urllib.parse import urlsplit

import websocket
from websocket._abnf import ABNF, frame_buffer

from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress, fault_of
from reconciler.errors import PeerFault
from reconciler.limits import (
    PEER_TEXT_CHARS,
    READ_SECONDS,
    REQ_PAGE,
    REQ_PAGES,
    SERVER_SECONDS,
    WS_ANSWER_EVENTS,
    WS_MESSAGE_BYTES,
)
from reconciler.model.observed import Fault, FaultKind
from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, Eose, Ok, RelayMessage, Sent
from reconciler.world import Failure

_IN_FLIGHT = 50
"""Publications that wait for their OK at the same time."""


class RelayClient:
    """One connection; calls are serialised. After a failure it stays failed for the run."""

    def __init__(
        self,
        server: str,
        egress: Egress,
        pace: Callable[[int], None],
        *,
        cap: int | None,
        silence: float = READ_SECONDS,
        whole: float = SERVER_SECONDS,
        messages: int = WS_ANSWER_EVENTS,
    ) -> None:
        """Connect.

        Args:
            server: canonical server URL; the relay is at the same place.
            egress: makes the socket.
            pace: called with the number of events about to be sent; may sleep.
            cap: events that the relay says it sends at most (NIP-11 `max_limit`); None: unknown,
                and then only an empty page is the last one.
            silence: seconds without a byte that are allowed; one message may take six times that.
            whole: seconds that reading may take in one run, all answers together.
            messages: how many may come in one run.

        Raises:
            Failure: no connection, or no WebSocket there.
        """
        self._pace = pace
        self._cap = min(cap or REQ_PAGE, REQ_PAGE)
        self._full = self._cap if cap else 1
        self._seconds = whole
        self._messages = messages
        self._lock = RLock()
        self._names = count(1)
        self._fault: Fault | None = None
        self._used = time.monotonic()
        with _translated(self._break):
            self._socket = _open(urls.relay(server), egress, silence)

    def query(self, filters: Sequence[Filter]) -> tuple[Event, ...]:
        """All matching events, verified; each filter is paged until exhausted. Raises Failure."""
        found: dict[str, Event] = {}
        with self._lock, _translated(self._break):
            self._check()
            for wanted in filters:
                for event in self._pages(wanted):
                    found[event.id] = event
        return tuple(found.values())

    def publish(self, events: Sequence[Event]) -> tuple[Ok, ...]:
        """Send events in order and collect one OK each. Raises Failure."""
        answers: dict[str, Ok] = {}
        with self._lock, _translated(self._break):
            self._check()
            for start in range(0, len(events), _IN_FLIGHT):
                batch = events[start : start + _IN_FLIGHT]
                self._pace(len(batch))
                for event in batch:
                    self._socket.send(messages.event(event))
                self._collect({event.id for event in batch}, answers)
        return tuple(answers[event.id] for event in events)

    def idle(self) -> float:
        """Seconds since the last call began; 0 for a failed connection, which stays failed."""
        return 0.0 if self._fault else time.monotonic() - self._used

    def close(self) -> None:
        """End the connection; politely, unless it failed before."""
        with self._lock:
            if self._fault is None:
                self._socket.close(timeout=1)
            self._socket.shutdown()  # type: ignore[no-untyped-call]

    def _check(self) -> None:
        self._used = time.monotonic()
        if self._fault:
            raise Failure(self._fault)

    def _break(self, fault: Fault) -> None:
        self._fault = fault

    def _pages(self, wanted: Filter) -> Iterator[Event]:
        """Relays cap answers silently: ask for older ones until there are none.

        The next page starts at the oldest second of the last one, because the cap may have cut
        through that second; only when nothing new is in it, at the second before. A page that
        stops in its only second although there are older events was cut by the cap: nobody can
        say how many more that second holds.
        """
        seen: set[str] = set()
        until = wanted.until
        stuck = False
        for _ in range(REQ_PAGES):
            page = self._page(wanted.page(until=until, limit=REQ_PAGE))
            fresh = [event for event in page if event.id not in seen]
            seen |= {event.id for event in fresh}
            if page and stuck:
                raise PeerFault("more events in one second than one answer can hold")
            yield from fresh
            if len(page) < self._full:
                return
            oldest = min(event.created_at for event in page)
            stuck = not fresh
            if stuck and len(page) >= self._cap:
                raise PeerFault("more events in one second than one answer can hold")
            if stuck and oldest == 0:
                return
            until = oldest - 1 if stuck else oldest
        raise PeerFault(f"more than {REQ_PAGES} pages")

    def _page(self, wanted: Filter) -> list[Event]:
        name = f"r{next(self._names)}"
        self._socket.send(messages.req(name, wanted))
        found = []
        while True:
            message = self._next()
            if isinstance(message, Sent) and message.subscription == name:
                event = verify(message.raw)
                if not wanted.matches(event):
                    raise PeerFault("the relay sent an event that was not asked for")
                found.append(event)
            elif isinstance(message, Eose) and message.subscription == name:
                self._socket.send(messages.close(name))
                return found
            elif isinstance(message, Closed) and message.subscription == name:
                if message.message:
                    raise Failure(_closed(message.message))
                return found  # ngit-grasp closes an `ids` question by itself once all are found

    def _collect(self, waiting: set[str], answers: dict[str, Ok]) -> None:
        while waiting:
            message = self._next()
            if isinstance(message, Ok) and message.event_id in waiting:
                waiting.discard(message.event_id)
                text = message.message[:PEER_TEXT_CHARS]
                answers[message.event_id] = Ok(message.event_id, message.accepted, text)

    def _next(self) -> RelayMessage:
        start = time.monotonic()
        text = self._socket.recv()
        self._seconds -= time.monotonic() - start
        self._messages -= 1
        if self._seconds < 0:
            raise TimeoutError("the relay takes too long")
        if self._messages < 0:
            raise PeerFault("more messages than one run reads from one relay")
        if not text:
            raise Failure(Fault(FaultKind.CUT, "the relay closed the connection"))
        return messages.parse_relay(text)


class _BoundedBuffer(frame_buffer):
    """websocket-client's frame reader, which refuses a frame by its length, before reading it."""

    def recv_length(self) -> None:
        super().recv_length()
        if (self.length or 0) > WS_MESSAGE_BYTES:
            raise PeerFault(f"a frame is larger than {WS_MESSAGE_BYTES} bytes")


class _BoundedSocket(websocket.WebSocket):
    """Bounds the sum of a fragmented message, and the time of one whole message, too."""

    def __init__(self, silence: float) -> None:
        super().__init__()
        self.frame_buffer = _BoundedBuffer(self._recv, skip_utf8_validation=False)
        self._patience = 6 * silence
        self._bytes = 0
        self._deadline = float("inf")

    def recv(self) -> str | bytes:
        self._bytes = 0
        self._deadline = time.monotonic() + self._patience
        message: str | bytes = super().recv()
        return message

    def recv_frame(self) -> ABNF:
        frame: ABNF = super().recv_frame()  # type: ignore[no-untyped-call]
        self._bytes += len(frame.data)
        if self._bytes > WS_MESSAGE_BYTES:
            raise PeerFault(f"a message is larger than {WS_MESSAGE_BYTES} bytes")
        return frame

    def _recv(self, bufsize: int) -> bytes:
        if time.monotonic() > self._deadline:
            raise TimeoutError("the message takes too long")
        found: bytes = super()._recv(bufsize)  # type: ignore[no-untyped-call]
        return found


def _open(url: str, egress: Egress, silence: float) -> _BoundedSocket:
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    if not secure and not egress.allows_plain(url):
        raise Failure(Fault(FaultKind.EGRESS, "ws:// is spoken to listed networks only"))
    host = parts.hostname or ""
    plain = egress.connect(host, parts.port or (443 if secure else 80))
    plain.settimeout(silence)
    ready = plain
    try:
        with Deadline(6 * silence) as deadline:
            deadline.watch(plain)
            if secure:
                context = ssl.create_default_context()
                ready = context.wrap_socket(
                    plain, server_hostname=host, do_handshake_on_connect=False
                )
                deadline.watch(ready)
                ready.do_handshake()
            connection = _BoundedSocket(silence)
            connection.settimeout(silence)
            options = {"socket": ready, "suppress_origin": True, "redirect_limit": 0}
            connection.connect(url, **options)  # type: ignore[no-untyped-call]
    except BaseException as error:
        ready.close()
        if deadline.passed:
            raise TimeoutError("the relay's door takes too long") from error
        raise
    return connection


def _closed(message: str) -> Fault:
    kind = FaultKind.RATE if message.startswith("rate-limited") else FaultKind.INCOMPLETE
    return Fault(kind, f"the relay closed the question: {message[:PEER_TEXT_CHARS]}")


@contextmanager
def _translated(note: Callable[[Fault], None]) -> Iterator[None]:
    """The library's exceptions become one Failure, which the connection then keeps."""
    try:
        yield
    except Failure as failure:
        note(failure.fault)
        raise
    except PeerFault as error:
        raise _noted(note, FaultKind.PROTOCOL, str(error)) from None
    except (websocket.WebSocketTimeoutException, TimeoutError):
        raise _noted(note, FaultKind.TIMEOUT, "the relay fell silent") from None
    except websocket.WebSocketBadStatusException as error:
        detail = f"the WebSocket upgrade was answered with {error.status_code}"
        raise _noted(note, FaultKind.HTTP, detail) from None
    except websocket.WebSocketConnectionClosedException:
        raise _noted(note, FaultKind.CUT, "the relay cut the connection") from None
    except ssl.SSLError as error:
        raise _noted(note, FaultKind.TLS, error.reason or "TLS failure") from None
    except OSError as error:
        raise _noted(note, fault_of(error).kind, fault_of(error).detail) from None
    except (websocket.WebSocketException, ValueError) as error:
        raise _noted(note, FaultKind.PROTOCOL, str(error)[:PEER_TEXT_CHARS]) from None


def _noted(note: Callable[[Fault], None], kind: FaultKind, detail: str) -> Failure:
    fault = Fault(kind, detail)
    note(fault)
    return Failure(fault)
