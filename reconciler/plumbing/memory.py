"""What a child and all that it started hold in memory, as Linux tells it; elsewhere nobody tells.

Limits of the system are for one process each (setrlimit), and git is several. Pages of files do not
count: packs are mapped, and the system takes such pages back when it needs them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Session:
    """The processes of one session (setsid). Asked again and again: who was a stranger once is not
    looked at twice."""

    def __init__(self, leader: int) -> None:
        self._name = str(leader)
        self._strangers: set[str] = set()

    def memory(self) -> int:
        """Bytes of anonymous memory that its processes hold now; 0 where there is no /proc."""
        with suppress(OSError):
            seen = {entry.name for entry in _PROC.iterdir() if entry.name.isdigit()}
            self._strangers &= seen
            return sum(self._held(name) for name in seen - self._strangers)
        return 0

    def _held(self, pid: str) -> int:
        try:
            # pid (name) state ppid pgrp session …; a name may hold anything, brackets too
            if _read(pid, "stat").rpartition(")")[2].split()[3] != self._name:
                self._strangers.add(pid)
                return 0
            _, resident, shared, *_ = map(int, _read(pid, "statm").split())
        except (OSError, ValueError, IndexError):  # it ended meanwhile
            return 0
        return (resident - shared) * _PAGE


def _read(pid: str, name: str) -> str:
    return (_PROC / pid / name).read_text("utf-8", "replace")
