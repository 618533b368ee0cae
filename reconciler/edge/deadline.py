"""A bound on the whole of an exchange, and on how slowly an answer may come.

Time-outs of sockets bound silence: a peer that sends one byte now and then keeps them waiting for
ever. At the deadline, when an answer comes too slowly, or when a stopped run cuts what is under
way, the socket is shut down, which ends whatever call waits for it. One thread waits for all
deadlines.
"""

from __future__ import annotations

import heapq
import socket
import time
from contextlib import ExitStack, suppress
from functools import cache
from itertools import count
from threading import Condition, Lock, Thread

from reconciler.edge.stop import Stop
from reconciler.limits import PROGRESS_BYTES

_NEVER = float("inf")


class Deadline:
    """Use as a context manager, and name the socket to `watch` once there is one."""

    def __init__(
        self, seconds: float, stop: Stop, *, head: float = _NEVER, window: float = _NEVER
    ) -> None:
        """Args:
        seconds: for all of it.
        stop: ends it before.
        head: seconds from the last time that something was `sent` to the first bytes of the answer.
        window: from then on, seconds in which PROGRESS_BYTES more must come, or the end.
        """
        self.seconds = seconds
        self.passed = False
        self.over = False
        self.why = f"no whole answer within {seconds:.0f} s"
        self._end = _NEVER
        self._head = head
        self._window = window
        self._due = _NEVER
        self._missing = 0
        self._stop = stop
        self._socket: socket.socket | None = None
        self._lock = Lock()
        self._held = ExitStack()

    def __enter__(self) -> Deadline:
        self._end = time.monotonic() + self.seconds
        _bell().add(self)
        self._held.enter_context(self._stop.under_way(self.end))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self.over = True
        with self._lock:
            self._socket = None

    def watch(self, found: socket.socket | None) -> None:
        """This socket ends with the deadline."""
        with self._lock:
            self._socket = found
        if self.passed:
            self.end()

    def sent(self) -> None:
        """Something was said; now the peer has to answer."""
        self._due = time.monotonic() + self._head

    def came(self, count: int) -> None:
        """So many bytes of the answer came."""
        self._missing -= count
        if self._missing <= 0:
            self._missing = PROGRESS_BYTES
            self._due = time.monotonic() + self._window

    def answered(self) -> None:
        """One answer is whole; the time of the next one begins with its first byte."""
        self._missing = 0
        self._due = _NEVER

    def look(self) -> float | None:
        """What is due may change: when to look again; None: it is over, or was ended now."""
        if self.over:
            return None
        now = time.monotonic()
        due = min(self._end, self._due)
        if due > now:
            return min(due, now + self._head, now + self._window)
        if self._due < self._end:
            drips = f"it drips: fewer than {PROGRESS_BYTES} bytes in {self._window:.0f} s"
            self.why = drips if self._missing else "no answer in time"
        self.end()
        return None

    def end(self) -> None:
        """It is reached."""
        self.passed = True
        with self._lock, suppress(OSError):
            if self._socket:
                # not the TLS layer's own shutdown, which is not for two threads
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Bell:
    """Ends deadlines when their time has come. Those that are over by then stay in the list until
    then, which is cheaper than to look for them."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Deadline]] = []
        self._numbers = count()
        self._changed = Condition()
        Thread(target=self._ring, name="deadlines", daemon=True).start()

    def add(self, deadline: Deadline) -> None:
        """This one, too."""
        if (moment := deadline.look()) is None:
            return
        with self._changed:
            entry = (moment, next(self._numbers), deadline)
            heapq.heappush(self._waiting, entry)
            if self._waiting[0] is entry:
                self._changed.notify()

    def _ring(self) -> None:
        while True:
            with self._changed:
                while (left := self._left()) is None or left > 0:
                    self._changed.wait(left)
                deadline = heapq.heappop(self._waiting)[2]
            self.add(deadline)

    def _left(self) -> float | None:
        return self._waiting[0][0] - time.monotonic() if self._waiting else None


@cache
def _bell() -> _Bell:
    """One for the process."""
    return _Bell()
