"""Waiting for a moment on a clock that a test may move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

Clock = Callable[[], float]
Chance = Callable[[], float]
"""A number from 0 to 1, each time another."""

TICK: Final = 0.05
"""Seconds between looks at the clock: the injected one may jump, so nobody sleeps long."""


async def until(clock: Clock, moment: float) -> None:
    """Return once the clock shows `moment`."""
    while (left := moment - clock()) > 0:
        await asyncio.sleep(min(TICK, left))
