"""What one server is asked to bear: requests at the same time, and writes a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from pyrate_limiter import Duration, Limiter, Rate

from reconciler.model.desired import Throttle


class Gate:
    """The throttle of one server; safe to share between threads."""

    def __init__(self, throttle: Throttle) -> None:
        self._slots = BoundedSemaphore(throttle.concurrency)
        self._transfers = Limiter(Rate(throttle.per_minute, Duration.MINUTE))
        self._events = Limiter(Rate(throttle.events_per_minute, Duration.MINUTE))

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the server's request slots."""
        with self._slots:
            yield

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """A slot for a git fetch or push, once the minute's budget allows it."""
        self._transfers.try_acquire()
        with self._slots:
            yield

    def pace(self, events: int) -> None:
        """Wait until this many events may be sent."""
        for _ in range(events):
            self._events.try_acquire()

    def close(self) -> None:
        """End the limiters' helper threads."""
        self._transfers.close()
        self._events.close()
