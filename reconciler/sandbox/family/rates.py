"""Budgets that refill: how often something may be done, as data, and the buckets that count it.

Time is an injected clock. A bucket belongs to whoever is limited: a connection, an address, a key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Per(Enum):
    """Whose budget it is."""

    CONNECTION = "one WebSocket"
    ADDRESS = "all that comes from one IP address"
    AUTHOR = "one public key"


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `refill` more every `seconds`. With `restarts`, every request starts
    the measured time anew and only its whole steps count, so that who asks faster than one step
    never gets anything back (ngit-grasp). `text` is the answer beyond it."""

    per: Per
    burst: int
    refill: int
    seconds: float
    text: str
    restarts: bool = False


class Bucket:
    """One budget; starts full."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._since = now

    def take(self, now: float) -> bool:
        """Use one, if there is one."""
        steps = int((now - self._since) // self._rate.seconds)
        if steps > 0:
            self._left = min(self._rate.burst, self._left + steps * self._rate.refill)
            self._since += steps * self._rate.seconds
        if self._rate.restarts:
            self._since = now
        if self._left <= 0:
            return False
        self._left -= 1
        return True


class Buckets:
    """The budgets of all keys under one rate; without a rate there is no end."""

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()
        self.text = rate.text if rate else ""

    def take(self, key: str) -> bool:
        """Use one of the key's budget; False when it is empty."""
        if self._rate is None:
            return True
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(key, Bucket(self._rate, now))
            return bucket.take(now)
