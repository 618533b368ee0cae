"""Budgets that refill: how often something may be done, as data, and the buckets that count it.

Time is an injected clock. A bucket belongs to whoever is limited: a connection, an address, a key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

_CROWD: Final = 64
"""Budgets that are remembered without a look at whether they are full again."""


class Per(Enum):
    """Whose budget it is."""

    CONNECTION = "one WebSocket"
    ADDRESS = "all that comes from one IP address"
    AUTHOR = "one public key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A budget."""

    per: Per
    """Whose it is."""
    burst: int
    """So many at once."""
    refill: int
    """So many more every `seconds`."""
    seconds: float
    """The length of one step."""
    text: str
    """The answer beyond it."""
    restarts: bool = False
    """Every request that passes starts the measured time anew, only its whole steps count, and any
    request costs one, also of what has just come: after the burst, one passes in two steps
    (ngit-grasp)."""


class Bucket:
    """One budget; starts full."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._since = now
        self._is_new = True

    def is_full(self, now: float) -> bool:
        """Is it as good as a new one?"""
        return self._refilled(now) >= self._rate.burst

    def take(self, now: float) -> bool:
        """Use one, if there is one."""
        if self._rate.restarts:
            return self._take_and_restart(now)
        steps = self._steps(now)
        if steps > 0:
            self._left = self._refilled(now)
            self._since += steps * self._rate.seconds
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def _take_and_restart(self, now: float) -> bool:
        """nostr-relay-builder: the first request is free; one that is refused costs, too, but
        leaves the measured time as it is."""
        if not self._is_new:
            came = max(0, self._steps(now)) * self._rate.refill
            self._left = min(max(0, self._left + came - 1), self._rate.burst - 1)
        passes = self._is_new or self._left > 0
        self._is_new = False
        if passes:
            self._since = now
        return passes

    def _steps(self, now: float) -> int:
        return int((now - self._since) // self._rate.seconds)

    def _refilled(self, now: float) -> int:
        steps = max(0, self._steps(now))
        return min(self._rate.burst, self._left + steps * self._rate.refill)


class Buckets:
    """The budgets of all keys under one rate; without a rate there is no end.

    Keys are as many as peers like, so that a budget is forgotten as soon as it is full again: now
    and then, when their number has doubled.
    """

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._crowd = _CROWD
        self._lock = threading.Lock()
        self.text = rate.text if rate else ""

    def __len__(self) -> int:
        """How many budgets are remembered."""
        return len(self._buckets)

    def take(self, key: str) -> bool:
        """Use one of the key's budget; False when it is empty."""
        if self._rate is None:
            return True
        with self._lock:
            now = self._clock()
            if key not in self._buckets:
                self._thin_out(now)
            bucket = self._buckets.setdefault(key, Bucket(self._rate, now))
            return bucket.take(now)

    def forget(self, key: str) -> None:
        """Nobody will pay under this key again."""
        with self._lock:
            self._buckets.pop(key, None)

    def _thin_out(self, now: float) -> None:
        if len(self._buckets) < self._crowd:
            return
        self._buckets = {k: b for k, b in self._buckets.items() if not b.is_full(now)}
        self._crowd = max(_CROWD, 2 * len(self._buckets))
