"""A relay conversation: paged questions, confirmed publications, reconciled sets (NIP-77)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from threading import RLock

import websocket

from reconciler.edge import frames
from reconciler.edge.egress import Egress
from reconciler.edge.frames import translated
from reconciler.errors import PeerFault
from reconciler.limits import (
    NEG_SILENCE_SECONDS,
    PEER_TEXT_CHARS,
    READ_SECONDS,
    REQ_PAGE,
    REQ_PAGES,
    SERVER_SECONDS,
    WS_ANSWER_EVENTS,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, Eose, Ok, RelayMessage, Sent
from reconciler.nostr.negentropy.dialogue import Declined, Dialogue, Difference
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
        self._silence = silence
        self._cap = min(cap or REQ_PAGE, REQ_PAGE)
        self._full = self._cap if cap else 1
        self._seconds = whole
        self._messages = messages
        self._lock = RLock()
        self._names = count(1)
        self._fault: Unknown | None = None
        self._used = time.monotonic()
        with translated(self._break):
            self._socket = frames.connect(urls.relay(server), egress, silence)

    def query(self, filters: Sequence[Filter]) -> tuple[Event, ...]:
        """All matching events, verified; each filter is paged until exhausted. Raises Failure."""
        found: dict[str, Event] = {}
        with self._lock, translated(self._break):
            self._check()
            for wanted in filters:
                for event in self._pages(wanted):
                    found[event.id] = event
        return tuple(found.values())

    def publish(self, events: Sequence[Event]) -> tuple[Ok, ...]:
        """Send events in order and collect one OK each. Raises Failure."""
        answers: dict[str, Ok] = {}
        with self._lock, translated(self._break):
            self._check()
            for start in range(0, len(events), _IN_FLIGHT):
                batch = events[start : start + _IN_FLIGHT]
                self._pace(len(batch))
                for event in batch:
                    self._socket.send(messages.event(event))
                self._collect({event.id for event in batch}, answers)
        return tuple(answers[event.id] for event in events)

    def reconcile(
        self,
        wanted: Filter,
        known: Mapping[str, int],
        *,
        patience: float = NEG_SILENCE_SECONDS,
    ) -> Difference | Declined:
        """Which matching events only one side has (NIP-77); nothing is fetched or sent.

        Ask only relays whose NIP-11 lists 77: one that answers by cutting the connection would
        cost all of it.

        Args:
            wanted: the question.
            known: created_at by id of every event here that matches it.
            patience: seconds that the relay may say nothing to the first message.

        Returns:
            the difference, or `Declined` when the relay refuses, stops midway or stays silent;
            then the connection still stands, for REQ.

        Raises:
            Failure: the connection broke, or the relay broke the protocol.
        """
        with self._lock, translated(self._break):
            self._check()
            dialogue = Dialogue(f"n{next(self._names)}")
            self._socket.send(dialogue.start(wanted, known))
            answer: str | Difference | Declined | None = self._first(dialogue, patience)
            while not isinstance(answer, (Difference, Declined)):
                if answer is not None:
                    self._socket.send(answer)
                answer = dialogue.feed(self._next())
            if isinstance(answer, Difference):
                self._socket.send(dialogue.closing)
            return answer

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

    def _break(self, fault: Unknown) -> None:
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

    def _first(self, dialogue: Dialogue, patience: float) -> str | Difference | Declined:
        """A relay without NIP-77 may say nothing at all, and that breaks no connection."""
        self._socket.settimeout(patience)
        try:
            while (answer := dialogue.feed(self._next())) is None:
                pass
            return answer
        except websocket.WebSocketTimeoutException:
            return dialogue.silence()
        finally:
            self._socket.settimeout(self._silence)

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
            raise Failure(Unknown(Cause.CUT, "the relay closed the connection"))
        return messages.parse_relay(text)


def _closed(message: str) -> Unknown:
    kind = Cause.RATE if message.startswith("rate-limited") else Cause.INCOMPLETE
    return Unknown(kind, f"the relay closed the question: {message[:PEER_TEXT_CHARS]}")
