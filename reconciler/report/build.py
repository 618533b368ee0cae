"""The report as a value, from the plan, what was done, and the world that was left behind. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from reconciler.limits import PEER_TEXT_CHARS
from reconciler.model.actions import Action, Verb
from reconciler.model.codec import digest
from reconciler.model.outcome import WRITTEN, Finding, Outcome, Recap, Report, Result, Stage
from reconciler.model.plan import ADVISORY, Plan, ServerSummary, Verdict
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.codes import Exit, worst
from reconciler.report.exits import of_apply, of_plan
from reconciler.report.marks import COLUMNS, FAILED, SELDOM, VERDICTS
from reconciler.report.words import deed, listed

_NAMED = 3
"""Repositories that a line of the recap names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a report says of the run itself, as `model.outcome.Report` has it."""

    run_id: str
    mode: str
    started: str
    finished: str
    tool: str
    actor: str = ""
    commit: str | None = None
    shard: tuple[int, int] = (1, 1)
    limit: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()


def build(
    header: Header,
    plan: Plan,
    findings: tuple[Finding, ...],
    *,
    outcomes: tuple[Outcome, ...] = (),
    remaining: Plan | None = None,
    extra: Iterable[Exit] = (),
    notes: tuple[str, ...] = (),
) -> Report:
    """One report.

    Args:
        header: the run.
        plan: what was planned.
        findings: what the guard said.
        outcomes: what became of the actions; empty for `--plan`.
        remaining: the plan of the last observation; None when nothing was applied.
        extra: exit codes from outside the stages (a stale plan, a signal).
        notes: remarks for people.
    """
    last = remaining or plan
    exits = worst(_codes(header.mode, plan, last, findings, outcomes, set(extra)))
    actions = {action.key: action for action in plan.actions}
    written = [actions[outcome.key] for outcome in outcomes if outcome.result in WRITTEN]
    names = {repository.coordinate: repository.name for repository in plan.repositories}
    return Report(
        **{field.name: getattr(header, field.name) for field in fields(header)},
        desired_digest=plan.desired_digest,
        plan_digest=digest(plan),
        exit_code=int(exits[0]),
        exit_codes=tuple(map(int, exits)),
        planned=len(plan.actions),
        signatures=sum(action.verb is Verb.SIGN for action in written),
        events_sent=sum(action.sends is not None for action in written),
        pushes_sent=sum(action.verb is Verb.PUSH for action in written),
        recap=tuple(_recap(server, last, actions, outcomes, names) for server in last.servers),
        servers=last.servers,
        repositories=last.repositories,
        cells=last.cells,
        holds=last.holds,
        unmatched=plan.unmatched,
        findings=findings,
        outcomes=tuple(_worded(o, actions[o.key], names) for o in outcomes),
        notes=notes,
    )


def _codes(
    mode: str,
    plan: Plan,
    last: Plan,
    findings: Sequence[Finding],
    outcomes: Sequence[Outcome],
    extra: set[Exit],
) -> set[Exit]:
    """An apply that did not begin is judged as the plan that it stayed."""
    planned = of_plan(plan, findings)
    if mode != "apply" or Exit.STALE_PLAN in extra or Exit.USAGE in planned:
        return planned | extra
    return of_apply(last, findings, outcomes) | extra


def _worded(outcome: Outcome, action: Action, names: Mapping[Coordinate, str]) -> Outcome:
    """The outcome with what the action was; a server may have said more than a report should."""
    name = names.get(action.coordinate, action.coordinate.identifier)
    detail = outcome.detail[:PEER_TEXT_CHARS]
    return replace(
        outcome,
        repository=name,
        deed=deed(action),
        detail=detail,
        coordinate=action.coordinate,
        changes=action.volume,
        why=action.why,
        event=action.sends,
        moved=action.changes,
    )


def _recap(
    server: ServerSummary,
    plan: Plan,
    actions: Mapping[str, Action],
    outcomes: Sequence[Outcome],
    names: Mapping[Coordinate, str],
) -> Recap:
    here = [o for o in outcomes if o.server == server.url]
    # without its signature a repository does not come to the servers that it adds
    hanging = [o for o in outcomes if not o.server and server.url in actions[o.key].places]

    def cells(results: Iterable[Result], ends: Sequence[Outcome] = here) -> set[Coordinate]:
        return {actions[o.key].coordinate for o in ends if o.result in results}

    verdicts = {c.coordinate: c.verdict for c in plan.cells if c.server == server.url}
    failed = cells(FAILED, [*here, *hanging])
    kept = cells({Result.HELD}, [*here, *hanging])
    later = cells({Result.DEFERRED})
    coming = cells({Result.SETTLING, Result.DELEGATED}) - later
    normal = _normal(server, plan)
    # an index relay has no cells, yet a repository's events may fail there
    counts = Counter(
        _standing(
            verdicts.get(coordinate),
            failed=coordinate in failed,
            kept=coordinate in kept,
            normal=coordinate in normal,
            later=coordinate in later,
            coming=coordinate in coming,
        )
        for coordinate in {*verdicts, *failed, *kept}
    )
    counts["unreachable"] += int(server.unknown is not None and not verdicts)
    counts["changed"] = len(cells(WRITTEN))
    return Recap(
        server=server.name,
        **{column: counts[column] for column in (*COLUMNS, *SELDOM)},
        detail=server.unknown
        or _blind(server, plan, names)
        or _poor(server, outcomes, actions, names),
    )


def _blind(server: ServerSummary, plan: Plan, names: Mapping[Coordinate, str]) -> str:
    """Why single cells of a server that answered are unknown; a few of them by name."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for cell in plan.cells:
        if cell.server == server.url and cell.verdict is Verdict.UNKNOWN:
            reasons[cell.detail].append(names[cell.coordinate])
    said = [f"{why}: {listed(found, _NAMED)}" for why, found in reasons.items()]
    return "; ".join(said)[:PEER_TEXT_CHARS]


def _poor(
    server: ServerSummary,
    outcomes: Iterable[Outcome],
    actions: Mapping[str, Action],
    names: Mapping[Coordinate, str],
) -> str:
    """Why objects did not come from a server that answered all else; a few repositories by name."""
    reasons: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for outcome in outcomes:
        for bad in outcome.bad_sources:
            if bad.server == server.url:
                reasons[str(bad.unknown)][names[actions[outcome.key].coordinate]] = None
    said = [f"no objects from it: {why}: {listed(list(f), _NAMED)}" for why, f in reasons.items()]
    return "; ".join(said)[:PEER_TEXT_CHARS]


def _normal(server: ServerSummary, plan: Plan) -> set[Coordinate]:
    """Repositories whose every hold here is accepted as normal."""
    here = [h for h in plan.holds if h.server in (None, server.url) and h.reason not in ADVISORY]
    asked = {hold.coordinate for hold in here if not hold.accepted}
    return {hold.coordinate for hold in here} - asked


def _standing(
    verdict: Verdict | None,
    *,
    failed: bool,
    kept: bool,
    normal: bool,
    later: bool,
    coming: bool,
) -> str:
    """The one column that a cell counts in."""
    if verdict is Verdict.UNKNOWN:
        return "unreachable"
    if failed:
        return "failed"
    if kept or verdict is None:
        return "held"
    column = VERDICTS[verdict].column
    if column == "drifted":  # what still differs may be on its way, or a later run's
        return "deferred" if later else "settling" if coming else column
    return "accepted" if normal and column == "held" else column
