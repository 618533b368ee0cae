"""A relay conversation: paged questions, confirmed publications, reconciled sets (NIP-77)."""

from __future__ import annotations

import time
from collections import Counter
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
    SERVER_SECONDS,
    WS_ANSWER_EVENTS,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, Eose, Ok, RelayMessage, Sent
from reconciler.nostr.negentropy.dialogue import Declined, Dialogue, Difference
from reconciler.nostr.paging import Pager
from reconciler.nostr.strictjson import Json
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
        self._cap = cap
        self._odd: Counter[str] = Counter()
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
                answer = dialogue.feed(self._strictly_next())
            if isinstance(answer, Difference):
                self._socket.send(dialogue.closing)
            return answer

    def left_out(self) -> tuple[tuple[str, int], ...]:
        """What was sent and not used, in this run: reasons, each with how often."""
        return tuple(sorted(self._odd.items()))

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
        pager = Pager(wanted, cap=self._cap)
        while question := pager.question:
            yield from pager.feed(*self._page(question))
            if pager.cut:
                raise Failure(Unknown(Cause.INCOMPLETE, pager.cut))

    def _page(self, wanted: Filter) -> tuple[list[Event], int]:
        """One answer: the events that verify and match, and how many came."""
        name = f"r{next(self._names)}"
        self._socket.send(messages.req(name, wanted))
        found: list[Event] = []
        size = 0
        while isinstance(message := self._named(name), Sent):
            found += self._read(message.raw, wanted)
            size += 1
        if isinstance(message, Eose):
            self._socket.send(messages.close(name))
        elif message.message:  # ngit-grasp closes an `ids` question by itself once all are found
            raise Failure(_closed(message.message))
        return found, size

    def _read(self, raw: Json, wanted: Filter) -> list[Event]:
        """The event, if it is one and was asked for. One that is not costs the server nothing: a
        stranger can put it there, and ngit-relay's index finds by prefix."""
        try:
            event = verify(raw)
        except PeerFault as fault:
            self._odd[str(fault)] += 1
            return []
        if wanted.matches(event):
            return [event]
        self._odd["the event was not asked for"] += 1
        return []

    def _named(self, name: str) -> Sent | Eose | Closed:
        """The next message of this question."""
        while True:
            message = self._next()
            if isinstance(message, Sent | Eose | Closed) and message.subscription == name:
                return message

    def _first(self, dialogue: Dialogue, patience: float) -> str | Difference | Declined:
        """A relay without NIP-77 may say nothing at all, and that breaks no connection."""
        self._socket.settimeout(patience)
        try:
            while (answer := dialogue.feed(self._strictly_next())) is None:
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
        """The next message that can be read; the others are counted and left out."""
        while True:
            try:
                return self._strictly_next()
            except _Unreadable:
                self._odd["a message could not be read"] += 1

    def _strictly_next(self) -> RelayMessage:
        start = time.monotonic()
        data = self._socket.receive()
        try:
            return messages.parse_relay(data)
        except PeerFault as fault:
            raise _Unreadable(str(fault)) from None
        finally:
            self._seconds -= time.monotonic() - start
            self._messages -= 1
            if self._seconds < 0:
                raise TimeoutError("the relay takes too long")
            if self._messages < 0:
                raise PeerFault("more messages than one run reads from one relay")


class _Unreadable(PeerFault):
    """One message is not what NIP-01 says; the next one may be."""


def _closed(message: str) -> Unknown:
    kind = Cause.RATE if message.startswith("rate-limited") else Cause.INCOMPLETE
    return Unknown(kind, f"the relay closed the question: {message[:PEER_TEXT_CHARS]}")
