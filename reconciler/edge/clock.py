"""Seconds for durations, and waits until a moment, which a stop ends.

Production sleeps until the right second instead of looking again and again. A test's clock jumps,
and wakes whoever waits.
"""

from __future__ import annotations

import time
from math import ceil, inf
from threading import Condition, Lock

from reconciler.edge.stop import Stop
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure


class Clock:
    """One for a run, which should end at the moment `ends`; safe between threads."""

    def __init__(self, stop: Stop | None = None, duration: float = inf) -> None:
        """Args: what ends the run, and the seconds that it may take."""
        self.stop = stop or Stop()
        self.ends = self.now() + duration
        self._waiting: dict[object, Condition] = {}
        self._lock = Lock()
        self.stop.wakes(self.wake)

    def now(self) -> float:
        """Seconds; never goes back."""
        return time.monotonic()

    def unix(self, moment: float | None = None) -> int:
        """A moment of this clock (None: now) in seconds since 1970."""
        now = time.time()
        return int(now) if moment is None else ceil(now + moment - self.now())

    def begin(self) -> None:
        """Something new is about to begin. Raises Failure (STOPPED) after a stop."""
        if self.stop.is_set():
            raise Failure(Unknown(Cause.STOPPED, "the run was stopped"))

    def wait(self, condition: Condition, moment: float | None = None) -> None:
        """Wait for a notice, but no longer than until `moment`. The caller holds the condition,
        and looks again afterwards: it may have been woken too early.

        Raises:
            Failure: the run was stopped.
        """
        key = object()
        with self._lock:
            self._waiting[key] = condition
        try:
            self.begin()
            condition.wait(None if moment is None else max(0.0, moment - self.now()))
            self.begin()
        finally:
            with self._lock:
                del self._waiting[key]

    def until(self, moment: float) -> None:
        """Sleep until then. Raises Failure when the run is stopped."""
        condition = Condition()
        with condition:
            while self.now() < moment:
                self.wait(condition, moment)

    def wake(self) -> None:
        """Everybody who waits looks again."""
        with self._lock:
            waiting = list(self._waiting.values())
        for condition in waiting:
            with condition:
                condition.notify_all()
