"""What one server is asked to bear: requests at the same time, and writes a minute. For threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from reconciler.edge.clock import Clock
from reconciler.model.desired import Throttle
from reconciler.pacing.throttle import Limits, PeerQueue, SlidingWindow

_MINUTE = 60.0


class Limiter:
    """The throttle of one server; safe to share between threads. Waiting ends with a stop: then
    everything here raises Failure."""

    def __init__(self, throttle: Throttle, clock: Clock) -> None:
        self._clock = clock
        self._peer: PeerQueue[object] = PeerQueue(
            Limits(throttle.concurrency, throttle.per_minute, _MINUTE)
        )
        self._events = SlidingWindow(throttle.events_per_minute, _MINUTE)
        self._granted: set[object] = set()
        self._changed = Condition()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the server's request slots."""
        with self._changed:
            while not (found := self._peer.decide(self._clock.now(), metered=False)).go:
                self._clock.wait(self._changed, found.at)
            self._peer.begin(self._clock.now(), metered=False)
        yield from self._held()

    @contextmanager
    def transfer(self, repository: str = "") -> Iterator[None]:
        """A slot for a git fetch or push, once the minute's budget allows it and it is this
        repository's turn."""
        ticket = object()
        with self._changed:
            self._peer.queue(repository, ticket)
            try:
                while not self._is_turn(ticket):
                    if not (found := self._peer.decide(self._clock.now())).go:
                        self._clock.wait(self._changed, found.at)
            except BaseException:
                self._peer.withdraw(repository, ticket)
                raise
        yield from self._held()

    def pace(self, events: int) -> int:
        """Wait until some of so many events may be sent; how many, and they count as sent."""
        with self._changed:
            while not (found := self._events.decide(self._clock.now())).go:
                self._clock.wait(self._changed, found.at)
            for sent in range(events):
                if not self._events.decide(self._clock.now()).go:
                    return sent
                self._events.count(self._clock.now())
        return events

    def _held(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._peer.end()
                self._changed.notify_all()

    def _is_turn(self, ticket: object) -> bool:
        """Whoever looks hands out every turn there is, perhaps to others."""
        while (chosen := self._peer.turn(self._clock.now())) is not None:
            self._granted.add(chosen)
            self._changed.notify_all()
        if ticket not in self._granted:
            return False
        self._granted.discard(ticket)
        return True
