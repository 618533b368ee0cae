"""What children and all that they started hold in memory, as Linux tells it; elsewhere nobody does.

Limits of the system are for one process each (setrlimit), and git is several. Pages of files do not
count: packs are mapped, and the system takes such pages back when it needs them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import Final

_PROC: Final = "/proc"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Sessions:
    """The processes of some sessions (setsid). Asked again and again: who was a stranger once is
    not looked at twice."""

    def __init__(self) -> None:
        self._ours = str(os.getpid())
        self._strangers: set[str] = set()

    def memory(self, leaders: Collection[int]) -> dict[int, int]:
        """Bytes of anonymous memory that the processes of each session hold now; 0 where there is
        no /proc."""
        held = Counter(dict.fromkeys(leaders, 0))
        with suppress(OSError):
            with os.scandir(_PROC) as entries:
                seen = {entry.name for entry in entries if entry.name.isdigit()}
            self._strangers &= seen
            for name in seen - self._strangers:
                with suppress(OSError, ValueError, IndexError):  # it ended meanwhile
                    self._add(name, held)
        return dict(held)

    def _add(self, pid: str, held: Counter[int]) -> None:
        # pid (name) state ppid pgrp session …; a name may hold anything, brackets too
        _, parent, _, session, *_ = _read(pid, "stat").rpartition(b")")[2].split(maxsplit=4)
        if int(session) in held:
            _, resident, shared, *_ = map(int, _read(pid, "statm").split())
            held[int(session)] += (resident - shared) * _PAGE
        elif parent.decode() != self._ours:  # a child of ours may be about to lead a session
            self._strangers.add(pid)


def _read(pid: str, name: str) -> bytes:
    descriptor = os.open(f"{_PROC}/{pid}/{name}", os.O_RDONLY)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
