"""Twice more, where a server says "later" or cuts: one bad minute need not cost a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from secrets import SystemRandom
from typing import TypeVar

from reconciler.edge.allowance import Allowance
from reconciler.edge.clock import Clock
from reconciler.limits import MEMORY_SECONDS, RETRY_AFTER_SECONDS
from reconciler.model.observed import Unknown
from reconciler.world import Failure

T = TypeVar("T")
_CHANCE = SystemRandom()
_WAITS = (0.5, 2.0)
"""Seconds before each new attempt, where the server names none; chance adds up to half."""
LATER = frozenset({429, 502, 503, 504})
"""Statuses that tell of a moment, not of a resource (RFC 9110, section 15.5 and 15.6, RFC 6585)."""


class Passing(Failure):
    """A failure that may be over soon. `after` are the seconds that the server asked to be left
    alone for (Retry-After), None where it said nothing."""

    def __init__(self, unknown: Unknown, after: float | None = None) -> None:
        believed = after is not None and after <= MEMORY_SECONDS
        super().__init__(unknown, ceil(time.time() + after) if after and believed else None)
        self.after = after


def again(attempt: Callable[[], T], clock: Clock, allowance: Allowance) -> T:
    """Attempt something at most three times.

    Args:
        attempt: raises `Passing` where another attempt may help.
        clock: waits.
        allowance: the server's; waiting takes from it, and so does every new attempt.

    Raises:
        Failure: the last attempt's, or the run was stopped.
    """
    for wait in _WAITS:
        try:
            return attempt()
        except Passing as failure:
            pause = wait * _CHANCE.uniform(1, 1.5) if failure.after is None else failure.after
            if pause > min(RETRY_AFTER_SECONDS, allowance.left()) or not allowance.retry():
                raise
        clock.until(clock.now() + pause)
    return attempt()


def seconds_of(header: str | None) -> float | None:
    """Retry-After, where it is a number of seconds; its other form, a date, is the server's clock
    and is not believed."""
    digits = (header or "").strip()
    return float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
