"""A relay conversation: paged questions, confirmed publications, reconciled sets (NIP-77)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count

import websocket

from reconciler.edge.allowance import Allowance
from reconciler.edge.line import RelayLine
from reconciler.errors import PeerFault
from reconciler.limits import NEG_SILENCE_SECONDS, PEER_TEXT_CHARS, SERVER_KEPT_BYTES
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import messages
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, Eose, Ok, Sent, SentText
from reconciler.nostr.negentropy.dialogue import Declined, Dialogue, Difference
from reconciler.nostr.paging import Pager
from reconciler.nostr.strictjson import loads
from reconciler.world import Failure

_IN_FLIGHT = 50
"""Publications that wait for their OK at the same time."""
_KNOWN = 2**14
_KNOWN_BYTES = 4 * 2**10
"""Texts of events that are remembered, and the bytes of each: together SERVER_KEPT_BYTES."""


_Part = Sent | SentText | Eose | Closed
"""What an answer consists of."""


class RelayClient:
    """One relay in one run (`world.Relay`); safe between threads."""

    def __init__(
        self,
        line: RelayLine,
        allowance: Allowance,
        *,
        cap: int | None,
        keeps: int = SERVER_KEPT_BYTES,
    ) -> None:
        """Args:
        line: to the relay.
        allowance: the server's.
        cap: events that the relay says it sends at most (NIP-11 `max_limit`); None: unknown, and
            then only an empty page is the last one.
        keeps: bytes of memory for its events, as texts.
        """
        self._line = line
        self._allowance = allowance
        self._cap = cap
        self._names = count(1)
        self._keeps = self._room = keeps
        self._kept: dict[str, Event] = {}

    def query(self, filters: Sequence[Filter]) -> tuple[Event, ...]:
        """All matching events, verified; each filter is paged until exhausted. Raises Failure."""
        found: dict[str, Event] = {}
        with self._allowance.reading(), self._line.turn():
            for wanted in filters:
                for event in self._pages(wanted):
                    found[event.id] = event
        return tuple(found.values())

    def publish(self, events: Sequence[Event]) -> tuple[Ok | Unknown, ...]:
        """Send events in order and collect one OK each, _IN_FLIGHT at a time."""
        answers: dict[str, Ok | Unknown] = {}
        sent = 0
        try:
            with self._allowance.working():
                while sent < len(events):
                    batch = events[sent : sent + _IN_FLIGHT]
                    with self._line.turn():
                        sent += len(batch)
                        self._offer(batch, answers)
        except Failure as failure:
            for number, event in enumerate(events):
                why = _unanswered(failure.unknown) if number < sent else failure.unknown
                answers.setdefault(event.id, why)
        return tuple(answers[event.id] for event in events)

    def reconcile(
        self,
        wanted: Filter,
        known: Mapping[str, int],
        *,
        patience: float = NEG_SILENCE_SECONDS,
    ) -> Difference | Declined:
        """Which matching events only one side has (NIP-77); nothing is fetched or sent.

        No stage asks this yet: observing will, so that a large relay is read by what is new on it
        and not page by page. Ask only relays whose NIP-11 lists 77: one that answers by cutting the
        connection would cost all of it.

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
        with self._allowance.reading(), self._line.turn():
            dialogue = Dialogue(f"n{next(self._names)}")
            self._line.send(dialogue.start(wanted, known))
            answer: str | Difference | Declined | None = self._first(dialogue, patience)
            while not isinstance(answer, (Difference, Declined)):
                if answer is not None:
                    self._line.send(answer)
                answer = dialogue.feed(self._line.strictly_next())
            if isinstance(answer, Difference):
                self._line.send(dialogue.closing)
            return answer

    def left_out(self) -> tuple[tuple[str, int], ...]:
        """What was sent and not used, in this run: reasons, each with how often."""
        return tuple(sorted(self._line.odd.items()))

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    def _pages(self, wanted: Filter) -> Iterator[Event]:
        pager = Pager(wanted, cap=self._cap)
        while question := pager.question:
            yield from pager.feed(*self._page(question))
            if pager.cut:
                raise Failure(Unknown(Cause.INCOMPLETE, pager.cut))

    def _page(self, wanted: Filter) -> tuple[list[Event], int]:
        """One answer: the events that verify and match, and how many came."""
        name = f"r{next(self._names)}"
        self._line.send(messages.req(name, wanted))
        found: list[Event] = []
        size = 0
        while isinstance(message := self._named(name), Sent | SentText):
            found += self._read(message, wanted)
            size += 1
        if isinstance(message, Eose):
            self._line.send(messages.close(name))
        elif message.message:  # ngit-grasp closes an `ids` question by itself once all are found
            raise Failure(_closed(message.message))
        return found, size

    def _named(self, name: str) -> _Part:
        """The next message of this question."""
        while True:
            self._line.check()
            message = self._line.next()
            if isinstance(message, _Part) and message.subscription == name:
                self._line.used(last=isinstance(message, Eose | Closed))
                return message

    def _read(self, message: Sent | SentText, wanted: Filter) -> list[Event]:
        """The event, if it is one and was asked for. One that is not costs the server nothing: a
        stranger can put it there, and ngit-relay's index finds by prefix."""
        try:
            event = verify(message.raw) if isinstance(message, Sent) else _event(message.text)
        except PeerFault as fault:
            self._line.odd[str(fault)] += 1
            return []
        if wanted.matches(event):
            return [self._keep(event)]
        self._line.odd["the event was not asked for"] += 1
        return []

    def _keep(self, event: Event) -> Event:
        """The event once in memory, however often it is sent."""
        if event.id not in self._kept:
            self._room -= _weight(event)
            self._kept[event.id] = event
        if self._room < 0:
            detail = f"the memory for one relay's events is used up: {self._keeps / 2**20:.0f} MB"
            raise Failure(Unknown(Cause.BUDGET, detail))
        return self._kept[event.id]

    def _first(self, dialogue: Dialogue, patience: float) -> str | Difference | Declined:
        """A relay without NIP-77 may say nothing at all, and that breaks no connection."""
        try:
            with self._line.patience(patience):
                while (answer := dialogue.feed(self._line.strictly_next())) is None:
                    pass
                return answer
        except websocket.WebSocketTimeoutException:
            return dialogue.silence()

    def _offer(self, events: Sequence[Event], answers: dict[str, Ok | Unknown]) -> None:
        """Send these, and write down each answer as it comes."""
        for event in events:
            self._line.send(messages.event(event))
        waiting = {event.id for event in events}
        while waiting:
            message = self._line.next()
            if isinstance(message, Ok) and message.event_id in waiting:
                self._line.used(last=True)
                waiting.discard(message.event_id)
                text = message.message[:PEER_TEXT_CHARS]
                answers[message.event_id] = Ok(message.event_id, message.accepted, text)


def _unanswered(unknown: Unknown) -> Unknown:
    """Of an event that was sent: it may have arrived, also where it was we who gave up."""
    ours = unknown.cause in (Cause.STOPPED, Cause.BUDGET)
    return Unknown(Cause.TIMEOUT, f"sent, not answered: {unknown.detail}") if ours else unknown


def _event(text: bytes) -> Event:
    """Raises PeerFault."""
    return _known(text) if len(text) <= _KNOWN_BYTES else _known.__wrapped__(text)


@lru_cache(_KNOWN)
def _known(text: bytes) -> Event:
    """What the relays of a fleet send is the same, mostly to the byte: it is read once."""
    try:
        raw = loads(text)
    except PeerFault:
        raise PeerFault("a message could not be read") from None
    return verify(raw)


def _weight(event: Event) -> int:
    """Bytes of its texts in memory: Python takes four a character as soon as one needs them."""
    texts = [event.content, *(item for tag in event.tags for item in tag)]
    return sum(len(text) * (1 if text.isascii() else 4) for text in texts)


def _closed(message: str) -> Unknown:
    kind = Cause.RATE if message.startswith("rate-limited") else Cause.INCOMPLETE
    return Unknown(kind, f"the relay closed the question: {message[:PEER_TEXT_CHARS]}")
