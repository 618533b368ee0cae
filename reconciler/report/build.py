"""The report as a value, from the plan, what was done, and the world that was left behind. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.codec import digest
from reconciler.model.outcome import WRITTEN, Finding, Outcome, Recap, Report, Result
from reconciler.model.plan import Action, Plan, ServerSummary, Verb, Verdict
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.exits import Exit, of_apply, of_plan, worst

_FAILED = frozenset({Result.FAILED, Result.STALE, Result.UNREACHABLE})
_HELD = frozenset({Verdict.HELD, Verdict.CONFLICT, Verdict.IMPOSSIBLE})


@dataclass(frozen=True, slots=True)
class Header:
    """What a report says of the run itself; times are RFC 3339 in UTC."""

    run_id: str
    mode: str
    started: str
    finished: str
    tool: str


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
    others = set(extra)
    if header.mode == "apply" and Exit.STALE_PLAN not in others:
        codes = of_apply(last, findings, outcomes)
    else:
        codes = of_plan(plan, findings)
    exits = worst(codes | others)
    actions = {action.key: action for action in plan.actions}
    return Report(
        run_id=header.run_id,
        mode=header.mode,
        started=header.started,
        finished=header.finished,
        tool=header.tool,
        desired_digest=plan.desired_digest,
        plan_digest=digest(plan),
        exit_code=int(exits[0]),
        exit_codes=tuple(map(int, exits)),
        planned=len(plan.actions),
        signatures=_written(outcomes, Verb.SIGN),
        events_sent=_written(outcomes, Verb.PUBLISH),
        pushes_sent=_written(outcomes, Verb.PUSH),
        recap=tuple(_recap(server, last, actions, outcomes) for server in last.servers),
        servers=last.servers,
        repositories=last.repositories,
        cells=last.cells,
        holds=last.holds,
        findings=findings,
        outcomes=outcomes,
        notes=notes,
    )


def _written(outcomes: Iterable[Outcome], verb: Verb) -> int:
    return sum(o.result in WRITTEN and o.verb is verb for o in outcomes)


def _recap(
    server: ServerSummary, plan: Plan, actions: Mapping[str, Action], outcomes: Sequence[Outcome]
) -> Recap:
    verdicts = Counter(cell.verdict for cell in plan.cells if cell.server == server.url)
    here = [o for o in outcomes if o.server == server.url]

    def cells(results: Iterable[Result]) -> set[Coordinate]:
        return {actions[o.key].coordinate for o in here if o.result in results}

    waits = {c.coordinate for c in plan.cells if c.server == server.url and c.verdict in _HELD}
    unknown = verdicts[Verdict.UNKNOWN]
    return Recap(
        server=server.name,
        ok=verdicts[Verdict.IN_SYNC],
        changed=len(cells(WRITTEN)),
        unreachable=unknown if server.grasp else int(server.unknown is not None),
        failed=len(cells(_FAILED)),
        held=len(waits | cells({Result.HELD})),
        drifted=verdicts[Verdict.DRIFTED],
        detail=server.unknown or "",
    )
