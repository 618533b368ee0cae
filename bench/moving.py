"""Time that can be moved, for servers and for the program alike: minutes that nobody works in pass
in seconds.

`MovedTime` is one number in a small file that several processes share: how far all their clocks
are ahead of the real one. As a program: `python -m bench.moving FILE ARGUMENTS…` is `reconcile
ARGUMENTS…` on that clock, and nothing else about it is different.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from threading import Condition, Lock

from reconciler.cli import job
from reconciler.cli.guarded import guarded
from reconciler.cli.interrupts import listen
from reconciler.cli.main import main
from reconciler.cli.session import resolve
from reconciler.edge.clock import Clock
from reconciler.edge.stop import Stop
from reconciler.report.codes import leaving

_FORM = struct.Struct("dq")
_LOOK_SECONDS = 0.02
"""How long a wait for a moment sleeps, really, before it looks at the moved clock again."""


class MovedTime:
    """The shared number, and how many threads of the program wait for a moment. One process moves
    it, one counts who waits."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(_FORM.pack(0.0, 0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _FORM.size)
        self._lock = Lock()

    @property
    def ahead(self) -> float:
        """Seconds that everybody's clock is ahead of the real one."""
        return float(_FORM.unpack(self._shared[:])[0])

    @property
    def waiting(self) -> int:
        """How many threads of the program wait for a moment, and do nothing else."""
        return int(_FORM.unpack(self._shared[:])[1])

    def move(self, seconds: float) -> None:
        """Everybody's clock goes on by so much."""
        self._shared[:8] = struct.pack("d", self.ahead + seconds)

    def unix(self) -> float:
        """Seconds since 1970, moved: a server's clock."""
        return time.time() + self.ahead

    @contextmanager
    def wait(self) -> Iterator[None]:
        """A thread waits for a moment."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def settle_accounts(self) -> None:
        """Nobody waits: the process that did was killed."""
        self._shared[8:] = struct.pack("q", 0)

    def _count(self, change: int) -> None:
        with self._lock:
            self._shared[8:] = struct.pack("q", self.waiting + change)


class MovedClock(Clock):
    """The program's clock, moved."""

    def __init__(self, moved: MovedTime, stop: Stop, duration: float) -> None:
        self._moved = moved
        super().__init__(stop, duration)

    def now(self) -> float:
        return time.monotonic() + self._moved.ahead

    def unix(self, moment: float | None = None) -> int:
        now = self._moved.unix()
        return int(now) if moment is None else ceil(now + moment - self.now())

    def wait(self, condition: Condition, moment: float | None = None) -> None:
        if moment is None:
            super().wait(condition)
            return
        with self._moved.wait():  # whoever waits looks again when it was woken too early
            super().wait(condition, min(moment, self.now() + _LOOK_SECONDS))


def _reconcile(file: str, *arguments: str) -> None:
    listen()
    moved = MovedTime(Path(file))
    context = main.make_context("reconcile", list(arguments))
    session = resolve(context.params)

    def clock(stop: Stop, duration: float) -> Clock:
        return MovedClock(moved, stop, duration)

    codes = guarded(session, lambda: job.reconcile(session, clock))
    sys.exit(leaving(codes, without=session.exit_zero_on, detailed=session.detailed_exitcode))


if __name__ == "__main__":
    _reconcile(*sys.argv[1:])
