"""A plan as a person reads it: the glance, what it takes away, and its changes, alike ones once.
Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.model.actions import Action, Verb
from reconciler.model.codec import digest
from reconciler.model.desired import Desired
from reconciler.model.outcome import Finding
from reconciler.model.plan import Plan, Verdict
from reconciler.report import grid, standing
from reconciler.report.causes import cause_of
from reconciler.report.changes import changes, left, signatures
from reconciler.report.destructive import deletions, forced
from reconciler.report.grid import Grid
from reconciler.report.history import Past
from reconciler.report.lines import Line
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.standing import Refusal
from reconciler.report.words import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What every renderer of a plan shows; all texts are safe to print."""

    plan: Plan
    digest: str
    headline: str
    verdict: str
    counts: str
    deleted: int
    cells: str
    grid: Grid
    destructive: tuple[Line, ...]
    refusals: tuple[Refusal, ...]
    signatures: tuple[Line, ...]
    changes: tuple[tuple[str, tuple[Line, ...]], ...]
    """Under what heading which lines stand."""
    left: tuple[Line, ...]
    holds: tuple[Line, ...]
    accepted: int
    unknown: tuple[Line, ...]
    notes: tuple[str, ...]
    past: tuple[Past, ...] = ()


def view(
    plan: Plan,
    findings: Sequence[Finding] = (),
    base: Desired | None = None,
    past: Sequence[Past] = (),
) -> PlanView:
    """Group a plan for reading.

    Args:
        plan: the plan.
        findings: what the guard said.
        base: the desired state before the change that is under review: what it asked for too is
            called drift.
        past: earlier runs, the oldest first.
    """
    names = Names.of(plan.repositories, plan.servers)
    digested = digest(plan)
    verdicts = Counter(cell.verdict for cell in plan.cells)
    servers = sum(server.grasp for server in plan.servers)
    refusals = standing.refusals(findings, names, digested)
    given = plan.left
    ours = [action for action in plan.actions if action.key not in given]
    destructive = (*deletions(plan.actions, names), *forced(plan.forced, names))
    return PlanView(
        plan=plan,
        digest=digested,
        headline=f"{plural(len(names.repositories), 'repository')} on {plural(servers, 'server')}, "
        f"{plural(len(plan.cells), 'cell')}",
        verdict=_verdict(plan, refusals, destructive),
        counts=_counts(plan),
        deleted=_deleted(plan.actions),
        cells=", ".join(f"{verdicts[v]} {v}" for v in Verdict if verdicts[v]) or "none",
        grid=grid.of_plan(plan, names),
        destructive=destructive,
        refusals=refusals,
        signatures=tuple(signatures(plan.signs, names)),
        changes=tuple(changes(ours, names, cause_of(base)).items()),
        left=tuple(left(plan, names)),
        holds=standing.held(plan.holds, names),
        accepted=sum(hold.accepted for hold in plan.holds),
        unknown=standing.unknown(plan.servers, plan.cells, names),
        notes=tuple(_notes(plan, names)),
        past=tuple(past),
    )


def _verdict(plan: Plan, refusals: Sequence[Refusal], destructive: Sequence[Line]) -> str:
    """What a reviewer wants to hear first, in one sentence."""
    if any(not refusal.accepted and not refusal.hold for refusal in refusals):
        return "A guard refuses part of this plan"
    if destructive:
        return f"Takes something away: read the {plural(len(destructive), 'line')} below"
    if plan.actions:
        return "Adds and updates; nothing is deleted or forced"
    return "Nothing to do" + ("" if plan.complete else " where the world is known")


def _notes(plan: Plan, names: Names) -> Iterable[str]:
    yield from standing.slips(plan.unmatched, plan.servers)
    for name in plan.silent:
        yield f"{safe(name)}: a repository {standing.nowhere(plan.servers)}"
    for url in plan.discovered:
        where = names.server(url)
        yield f"announcements also list {where}, which the desired state does not know"


def _counts(plan: Plan) -> str:
    pushes = [action for action in plan.actions if action.verb is Verb.PUSH]
    events = sum(action.sends is not None for action in plan.actions)
    refs = sum(len(push.changes) for push in pushes)
    return (
        f"{len(plan.signs)} to sign, {plural(events, 'event')} to send, "
        f"{plural(len(pushes), 'push')} of {plural(refs, 'ref')}, "
        f"{plural(_deleted(plan.actions), 'ref')} deleted"
    )


def _deleted(actions: Iterable[Action]) -> int:
    return sum(update.deletes for action in actions for update in action.changes)
