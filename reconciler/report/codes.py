"""Exit codes: one meaning a number, one order where several hold. Pure, and small: the command line
needs them before it knows what it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """What the process says at its end."""

    DONE = 0
    OUR_FAULT = 1
    CHANGES = 2
    FAILED = 3
    GUARD = 4
    STALE_PLAN = 5
    UNKNOWN = 6
    HELD = 7
    VANISHED = 8
    USAGE = 64
    BUSY = 75
    KEY_FILE = 77
    INVALID = 78
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


MEANING = {
    Exit.DONE: "done",
    Exit.OUR_FAULT: "our fault",
    Exit.CHANGES: "changes are pending",
    Exit.FAILED: "something failed or did not converge",
    Exit.GUARD: "a guard refused",
    Exit.STALE_PLAN: "the saved plan no longer fits",
    Exit.UNKNOWN: "part of the world is unknown",
    Exit.HELD: "something is held until a person acts",
    Exit.VANISHED: "a repository that an earlier run saw is served nowhere",
    Exit.USAGE: "usage",
    Exit.BUSY: "another run holds the lock",
    Exit.KEY_FILE: "the key file is not safe",
    Exit.INVALID: "invalid input",
    Exit.HANGUP: "the terminal went away",
    Exit.INTERRUPTED: "interrupted",
    Exit.TERMINATED: "terminated",
}
"""Each code in words."""

_WORST_FIRST = (
    Exit.OUR_FAULT,
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.HANGUP,
    Exit.INVALID,
    Exit.KEY_FILE,
    Exit.USAGE,
    Exit.BUSY,
    Exit.GUARD,
    Exit.STALE_PLAN,
    Exit.VANISHED,
    Exit.FAILED,
    Exit.UNKNOWN,
    Exit.HELD,
    Exit.CHANGES,
    Exit.DONE,
)


def worst(codes: Iterable[Exit]) -> tuple[Exit, ...]:
    """All codes that hold, worst first; DONE when there is none."""
    held = set(codes)
    return tuple(code for code in _WORST_FIRST if code in held) or (Exit.DONE,)


def leaving(codes: Sequence[int], *, without: Iterable[int] = (), detailed: bool = False) -> int:
    """The code to leave with: the first that holds and is not taken out.

    Args:
        codes: all that hold, worst first.
        without: codes that count as success (`--exit-zero-on`); one never hides another.
        detailed: whether pending changes have a code.
    """
    quiet = {*without, *(() if detailed else (Exit.CHANGES,))}
    return next((int(code) for code in codes if code not in quiet), int(Exit.DONE))
