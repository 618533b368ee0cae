"""Which exit codes hold, of a plan and of what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.actions import Verb
from reconciler.model.outcome import Finding, Outcome, Result
from reconciler.model.plan import ADVISORY, Entry, HoldReason, Plan, Verdict
from reconciler.report.codes import Exit
from reconciler.report.marks import FAILED, GOES_ON, STUCK, WAITED


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
    waited |= {end.key for end in ends if end.verb is Verb.SIGN and end.result is Result.DONE}
    ours = {action.key for action in remaining.actions} - remaining.left - waited
    planned = {outcome.key for outcome in ends}
    left = bool(ours & planned if planned else ours)  # what came up meanwhile did not fail
    if left or any(outcome.result in FAILED for outcome in ends):
        codes.add(Exit.FAILED)
    guarded = {key for finding in findings for key in finding.keys}
    kept = any(end.result is Result.HELD and end.key not in guarded for end in ends)
    if kept or _stuck(remaining):
        codes.add(Exit.HELD)
    goes_on = (
        bool(planned and ours - planned)
        or any(cell.verdict is Verdict.SETTLING for cell in remaining.cells)
        or any(outcome.result in GOES_ON for outcome in ends)
    )
    return codes if goes_on else codes - {Exit.CHANGES}


def _stuck(plan: Plan) -> bool:
    """Does something wait for a person, which nobody has accepted as normal?"""
    # a source that could not be read is unknown, and heals by itself
    asked = [h for h in plan.holds if h.reason not in ADVISORY | {HoldReason.SOURCE_UNREAD}]
    held = {(hold.coordinate, hold.server) for hold in asked}
    return any(not hold.accepted for hold in asked) or any(
        cell.verdict in STUCK
        and held.isdisjoint({(cell.coordinate, cell.server), (cell.coordinate, None)})
        for cell in plan.cells
    )
