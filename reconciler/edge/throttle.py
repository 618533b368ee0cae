"""What one server is asked to bear: requests at the same time, and writes a minute. For threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from reconciler.model.desired import Throttle
from reconciler.pacing.throttle import Lane, Limits, Window

_MINUTE = 60.0
_LOOK_SECONDS = 0.05
"""How often a waiting thread looks at the clock, which a test may have moved."""


class Gate:
    """The throttle of one server; safe to share between threads."""

    def __init__(self, throttle: Throttle, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lane: Lane[object] = Lane(Limits(throttle.concurrency, throttle.per_minute, _MINUTE))
        self._events = Window(throttle.events_per_minute, _MINUTE)
        self._granted: set[object] = set()
        self._changed = Condition()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the server's request slots."""
        with self._changed:
            while not self._lane.decide(self._clock(), metered=False).go:
                self._changed.wait(_LOOK_SECONDS)
            self._lane.begin(self._clock(), metered=False)
        yield from self._held()

    @contextmanager
    def transfer(self, repository: str = "") -> Iterator[None]:
        """A slot for a git fetch or push, once the minute's budget allows it and it is this
        repository's turn."""
        ticket = object()
        with self._changed:
            self._lane.queue(repository, ticket)
            try:
                while not self._is_turn(ticket):
                    self._changed.wait(_LOOK_SECONDS)
            except BaseException:
                self._lane.withdraw(repository, ticket)
                raise
        yield from self._held()

    def pace(self, events: int) -> None:
        """Wait until this many events may be sent."""
        with self._changed:
            for _ in range(events):
                while not self._events.decide(self._clock()).go:
                    self._changed.wait(_LOOK_SECONDS)
                self._events.count(self._clock())

    def _held(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._lane.end()
                self._changed.notify_all()

    def _is_turn(self, ticket: object) -> bool:
        """Whoever looks hands out every turn there is, perhaps to others."""
        while (chosen := self._lane.turn(self._clock())) is not None:
            self._granted.add(chosen)
            self._changed.notify_all()
        if ticket not in self._granted:
            return False
        self._granted.discard(ticket)
        return True
