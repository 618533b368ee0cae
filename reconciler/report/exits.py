"""Exit codes: one meaning a number, one order where several hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from reconciler.model.outcome import Finding, Outcome, Result
from reconciler.model.plan import ADVISORY, Plan, Verdict


class Exit(IntEnum):
    """What the process says at its end."""

    DONE = 0
    OUR_FAULT = 1
    CHANGES = 2
    PARTIAL = 3
    GUARD = 4
    STALE_PLAN = 5
    UNKNOWN = 6
    USAGE = 64
    BUSY = 75
    KEY_FILE = 77
    INVALID = 78
    INTERRUPTED = 130
    TERMINATED = 143


MEANING = {
    Exit.DONE: "done",
    Exit.OUR_FAULT: "our fault",
    Exit.CHANGES: "changes are pending",
    Exit.PARTIAL: "something failed, is held back, or is not there yet",
    Exit.GUARD: "a guard refused",
    Exit.STALE_PLAN: "the saved plan no longer fits",
    Exit.UNKNOWN: "part of the world is unknown",
    Exit.USAGE: "usage",
    Exit.BUSY: "another run holds the lock",
    Exit.KEY_FILE: "the key file is not safe",
    Exit.INVALID: "invalid input",
    Exit.INTERRUPTED: "interrupted",
    Exit.TERMINATED: "terminated",
}
"""Each code in words."""

_WORST_FIRST = (
    Exit.OUR_FAULT,
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.INVALID,
    Exit.KEY_FILE,
    Exit.USAGE,
    Exit.BUSY,
    Exit.GUARD,
    Exit.STALE_PLAN,
    Exit.PARTIAL,
    Exit.UNKNOWN,
    Exit.CHANGES,
    Exit.DONE,
)

_UNFINISHED = frozenset({Verdict.DRIFTED, Verdict.PENDING, Verdict.CONFLICT, Verdict.IMPOSSIBLE})
_GOOD = frozenset({Result.DONE, Result.UNCHANGED})


def of_plan(plan: Plan, findings: Iterable[Finding]) -> set[Exit]:
    """What a plan alone says. Pending changes and holds are no failure of planning."""
    codes = {Exit.CHANGES} if plan.actions else set()
    if any(not finding.accepted and not finding.hold for finding in findings):
        codes.add(Exit.GUARD)
    if not plan.complete:
        codes.add(Exit.UNKNOWN)
    return codes


def of_apply(
    remaining: Plan, findings: Iterable[Finding], outcomes: Iterable[Outcome]
) -> set[Exit]:
    """What a run says: judged by the world that it left behind."""
    codes = of_plan(remaining, findings) - {Exit.CHANGES}
    unfinished = any(cell.verdict in _UNFINISHED for cell in remaining.cells)
    failed = any(outcome.result not in _GOOD for outcome in outcomes)
    held = any(hold.reason not in ADVISORY for hold in remaining.holds)
    if unfinished or failed or held or remaining.actions:
        codes.add(Exit.PARTIAL)
    return codes


def worst(codes: Iterable[Exit]) -> tuple[Exit, ...]:
    """All codes that hold, worst first; DONE when there is none."""
    held = set(codes)
    return tuple(code for code in _WORST_FIRST if code in held) or (Exit.DONE,)
