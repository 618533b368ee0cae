"""Time for probes: on a server of our own it is moved, on anybody's it is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 20.0


@dataclass
class Clock:
    """The only thing that is not real on servers of our own: a clock that can be moved."""

    offset: float = 0.0

    def __call__(self) -> float:
        """Unix time in seconds."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Move it on."""
        self.offset += seconds


@dataclass
class RealClock(Clock):
    """Time as it is."""

    def advance(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def eventually(fact: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so; AssertionError after some seconds."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise AssertionError("it did not become so in time")
        time.sleep(0.02)
