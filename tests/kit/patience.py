"""Waiting for what takes its time, and looking on while nothing may happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 20.0


def eventually(fact: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.01)


def never(fact: Callable[[], Any], seconds: float = 0.6) -> None:
    """Look on for a while: it must not become so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not fact()
        time.sleep(0.02)
