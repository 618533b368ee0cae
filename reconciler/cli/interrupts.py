"""Signals, from the first moment of the process on; imported before anything heavy.

INT, TERM and HUP mean the same. The first lets what is under way end (`edge.stop`), and the report
is written. The second ends the process at once, whatever hangs: it is heard by a thread of its own,
to which the kernel's half of signal handling writes, so that a main thread which waits for others
is in nobody's way.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from threading import Thread

from reconciler.edge.stop import Stop
from reconciler.limits import STOP_SECONDS

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FIRST = f"stopping: what is under way ends within {STOP_SECONDS:.0f} s; once more ends at once\n"
_SECOND = "stopped at once; the next run needs no manual step\n"
_LAST_SECONDS = 1.0
"""How long children and sockets may take to be ended before the process ends itself."""
_WORD_SECONDS = 0.2
"""How long the last word may take."""


class Interrupts:
    """What has been heard. `number` is the first signal's, 0 before it."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.number = 0
        self.on_hangup: Callable[[], None] | None = None

    def hear(self, number: int) -> None:
        """A signal came; not to be called by a signal handler. Who reloads upon HUP says so."""
        if number == signal.SIGHUP and self.on_hangup and not self.number:
            self.on_hangup()
            return
        if self.number:
            said = _beside(partial(_say, _SECOND))
            _beside(self.stop.cut).join(_LAST_SECONDS)
            said.join(_WORD_SECONDS)
            os._exit(128 + number)
        self.number = number
        self.stop.set()
        _beside(partial(_say, _FIRST))


@cache
def listen() -> Interrupts:
    """Hear signals from now on; one listener for the process. In the main thread."""
    found = Interrupts()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    _beside(partial(_read, ours, theirs, found))
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in _HEARD:
        # `nohup` has HUP ignored, and means it
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    return found


def _read(ours: socket.socket, theirs: socket.socket, found: Interrupts) -> None:
    with theirs:  # it must live as long as the handlers
        while data := ours.recv(1):
            if data[0] in _HEARD:
                found.hear(data[0])


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode())


def _beside(do: Callable[[], None]) -> Thread:
    """In a thread that keeps nobody: a terminal that was halted blocks even a message."""
    thread = Thread(target=do, daemon=True)
    thread.start()
    return thread
