"""Somebody asked the run to end. Imported before anything heavy, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Timer

from reconciler.limits import STOP_SECONDS

Call = Callable[[], None]


class Stop(Event):
    """An event, with an end for what is under way.

        set                 nothing new begins, and whoever waits is woken
        STOP_SECONDS later  what is still under way is cut: its socket shut, its child killed
        cut                 the same, at once

    Safe between threads, but not for signal handlers: they may interrupt whoever holds the lock.
    """

    def __init__(self, grace: float = STOP_SECONDS) -> None:
        """Args: seconds that what is under way has to end by itself."""
        super().__init__()
        self._grace = grace
        self._lock = Lock()
        self._late = False
        self._ends: dict[object, Call] = {}
        self._sleepers: list[Call] = []

    def set(self) -> None:
        """Ask for it."""
        with self._lock:
            first = not self.is_set()
            super().set()
            sleepers = list(self._sleepers)
        if first:
            timer = Timer(self._grace, self.cut)
            timer.daemon = True
            timer.start()
        for wake in sleepers:
            wake()

    def cut(self) -> None:
        """End everything that is under way, and whatever is begun from now on."""
        super().set()
        with self._lock:
            self._late = True
            ends = list(self._ends.values())
        for end in ends:
            end()

    def wakes(self, wake: Call) -> None:
        """Call this once it is asked for."""
        with self._lock:
            self._sleepers.append(wake)

    @contextmanager
    def under_way(self, end: Call) -> Iterator[None]:
        """`end` is what cuts the work of this block; it may come from any thread, at any moment."""
        key = object()
        with self._lock:
            self._ends[key] = end
            late = self._late
        try:
            if late:
                end()
            yield
        finally:
            with self._lock:
                del self._ends[key]
