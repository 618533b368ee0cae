"""Does anybody work at this moment? As far as the processors can tell."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path

_LOOK_SECONDS = 0.02
_AT_WORK = 0.6
"""Processors in use above which somebody works; embedded servers that wait use some, too."""


def looks(child: int | None) -> Iterator[bool]:
    """Look at the processors again and again: was there little to do since the last look?"""
    before, at = _used(child), time.monotonic()
    while True:
        time.sleep(_LOOK_SECONDS)
        used, now = _used(child), time.monotonic()
        yield used - before < _AT_WORK * (now - at)
        before, at = _used(child), time.monotonic()


def _used(child: int | None) -> float:
    """Processor seconds so far of this process, the program's, and of what both of them started
    and has ended."""
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used = sum(one.ru_utime + one.ru_stime for one in own)
    try:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return used
    return used + sum(map(int, fields[11:15])) / 100
