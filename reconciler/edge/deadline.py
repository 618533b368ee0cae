"""A bound on the whole of an exchange.

Time-outs of sockets bound silence: a peer that sends one byte now and then keeps them waiting for
ever. At the deadline, or when a stopped run cuts what is under way, the socket is shut down, which
ends whatever call waits for it.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from threading import Lock, Timer

from reconciler.edge.stop import Stop


class Deadline:
    """Use as a context manager, and name the socket to `watch` once there is one."""

    def __init__(self, seconds: float, stop: Stop) -> None:
        self.seconds = seconds
        self.passed = False
        self._stop = stop
        self._socket: socket.socket | None = None
        self._lock = Lock()
        self._timer = Timer(seconds, self._end)
        self._timer.daemon = True
        self._held = ExitStack()

    def __enter__(self) -> Deadline:
        self._timer.start()
        self._held.enter_context(self._stop.under_way(self._end))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def watch(self, found: socket.socket | None) -> None:
        """This socket ends with the deadline."""
        with self._lock:
            self._socket = found
        if self.passed:
            self._end()

    def _end(self) -> None:
        self.passed = True
        with self._lock, suppress(OSError):
            if self._socket:
                # not the TLS layer's own shutdown, which is not for two threads
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
