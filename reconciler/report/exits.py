"""Exit codes: one meaning a number, one order where several hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from reconciler.model.outcome import Finding, Outcome, Result
from reconciler.model.plan import ADVISORY, Entry, HoldReason, Plan, Verdict
from reconciler.report.marks import FAILED, STUCK, WAITED


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


def of_plan(plan: Plan, findings: Iterable[Finding]) -> set[Exit]:
    """What a plan alone says. Pending changes and holds are no failure of planning.

    What fits nothing is a slip of the operator's only where everybody answered.
    """
    settling = any(cell.verdict is Verdict.SETTLING for cell in plan.cells)
    codes = {Exit.CHANGES} if plan.actions or settling else set()
    if any(not finding.accepted and not finding.hold for finding in findings):
        codes.add(Exit.GUARD)
    if any(not finding.accepted and finding.hold for finding in findings):
        codes.add(Exit.HELD)
    if any(h.reason is HoldReason.VANISHED and not h.accepted for h in plan.holds):
        codes.add(Exit.VANISHED)
    if not plan.complete:
        codes.add(Exit.UNKNOWN)
        return codes
    entries = {slip.entry for slip in plan.unmatched}
    codes |= {Exit.HELD} if Entry.RULE in entries else set()
    codes |= {Exit.USAGE} if Entry.LIMIT in entries else set()
    return codes


def of_apply(
    remaining: Plan, findings: Sequence[Finding], outcomes: Iterable[Outcome]
) -> set[Exit]:
    """What a run says: judged by the world that it left behind.

    What a guard or a missing key kept back did not fail, and neither did what hangs from it.
    """
    ends = tuple(outcomes)
    codes = of_plan(remaining, findings)
    waited = {outcome.key for outcome in ends if outcome.result in WAITED}
    left = any(action.key not in waited for action in remaining.actions)
    if left or any(outcome.result in FAILED for outcome in ends):
        codes.add(Exit.FAILED)
    guarded = {key for finding in findings for key in finding.keys}
    kept = any(end.result is Result.HELD and end.key not in guarded for end in ends)
    if kept or _stuck(remaining):
        codes.add(Exit.HELD)
    settling = any(cell.verdict is Verdict.SETTLING for cell in remaining.cells)
    return codes if settling else codes - {Exit.CHANGES}


def _stuck(plan: Plan) -> bool:
    """Does something wait for a person, which nobody has accepted as normal?"""
    asked = [h for h in plan.holds if h.reason not in ADVISORY]
    held = {(hold.coordinate, hold.server) for hold in asked}
    return any(not hold.accepted for hold in asked) or any(
        cell.verdict in STUCK
        and held.isdisjoint({(cell.coordinate, cell.server), (cell.coordinate, None)})
        for cell in plan.cells
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
