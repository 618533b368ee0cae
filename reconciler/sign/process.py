"""A process that holds keys leaves no image of itself: no core file, and its memory is not for the
other processes of its user."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def forbid_dumps() -> None:
    """Call it before the first key is read; it holds until the process ends.

    Two locks: the limit keeps the kernel from writing a core file, but not from handing one to a
    collector (core_pattern `|…`), which the second one does (Linux, prctl(2)); that also ends
    ptrace(2) and /proc/<pid>/mem for others than root. Children that run another program are not
    concerned: the kernel sets their flag anew.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
