"""A bound on the whole of an exchange, and on how slowly an answer may come.

Time-outs of sockets bound silence: a peer that sends one byte now and then keeps them waiting for
ever. At the deadline, when an answer comes too slowly, or when a stopped run cuts what is under
way, the socket is shut down, which ends whatever call waits for it.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from threading import Event, Lock, Thread

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
        self.why = f"no whole answer within {seconds:.0f} s"
        self._end = time.monotonic() + seconds
        self._window = window
        self._head = head
        self._due = _NEVER
        self._missing = 0
        self._stop = stop
        self._socket: socket.socket | None = None
        self._lock = Lock()
        self._over = Event()
        self._held = ExitStack()

    def __enter__(self) -> Deadline:
        Thread(target=self._keep_time, daemon=True).start()
        self._held.enter_context(self._stop.under_way(self._cut))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self._over.set()
        with self._lock:
            self._socket = None

    def watch(self, found: socket.socket | None) -> None:
        """This socket ends with the deadline."""
        with self._lock:
            self._socket = found
        if self.passed:
            self._cut()

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

    def _keep_time(self) -> None:
        while (left := min(self._end, self._due) - time.monotonic()) > 0:
            # what is due may change meanwhile
            if self._over.wait(min(left, self._head, self._window)):
                return
        if self._due < self._end:
            drips = f"it drips: fewer than {PROGRESS_BYTES} bytes in {self._window:.0f} s"
            self.why = drips if self._missing else "no answer in time"
        self._cut()

    def _cut(self) -> None:
        self.passed = True
        with self._lock, suppress(OSError):
            if self._socket:
                # not the TLS layer's own shutdown, which is not for two threads
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
