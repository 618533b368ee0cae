"""An apply as a person reads it: the glance, what failed and why, what changed. Pure.

x alice/widget: push 5 refs on beta: not-found
x 12 pushes on gamma: timed-out: no answer in 120 s
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.actions import Verb
from reconciler.model.outcome import WRITTEN, Outcome, Recap, Report, Result
from reconciler.report import grid, standing
from reconciler.report.codes import MEANING, Exit
from reconciler.report.grid import Grid
from reconciler.report.history import Past
from reconciler.report.lines import Line
from reconciler.report.marks import RESULTS, Block, Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.standing import Refusal
from reconciler.report.words import clock, on, plural

_NOUNS = {Verb.SIGN: "signature", Verb.PUBLISH: "event", Verb.PUSH: "push"}
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What every renderer of an outcome shows; all texts are safe to print.

    `blocks` holds what did not simply succeed, under its heading, in the order of `Block`.
    """

    report: Report
    digest: str
    headline: str
    counts: str
    ends: tuple[str, ...]
    grid: Grid
    blocks: tuple[tuple[Block, tuple[Line, ...]], ...]
    changed: tuple[Line, ...]
    refusals: tuple[Refusal, ...]
    holds: tuple[Line, ...]
    accepted: int
    unknown: tuple[Line, ...]
    notes: tuple[str, ...]
    recap: tuple[Recap, ...]
    past: tuple[Past, ...] = ()

    def under(self, block: Block) -> tuple[Line, ...]:
        """The lines under one heading."""
        return dict(self.blocks).get(block, ())


def story(report: Report, past: Sequence[Past] = ()) -> Story:
    """Group what happened for reading; `past` are earlier runs, the oldest first."""
    names = Names.of(report.repositories, report.servers)
    return Story(
        report=report,
        digest=report.plan_digest,
        headline=_headline(report),
        counts=_results(report.outcomes),
        ends=tuple(f"{code} ({MEANING[Exit(code)]})" for code in report.exit_codes),
        grid=grid.of_report(report, names),
        blocks=tuple(_blocks(report.outcomes, names).items()),
        changed=tuple(_changed(report.outcomes, names)),
        refusals=standing.refusals(report.findings, names, report.plan_digest),
        holds=standing.held(report.holds, names),
        accepted=sum(hold.accepted for hold in report.holds),
        unknown=(
            *standing.unknown(report.servers, report.cells, names),
            *standing.poor(report.outcomes, names),
        ),
        notes=(*standing.slips(report.unmatched, report.servers), *map(safe, report.notes)),
        recap=report.recap,
        past=tuple(past),
    )


def _headline(report: Report) -> str:
    if Exit.USAGE in report.exit_codes:
        return "Nothing was written: --limit matches nothing"
    if Exit.STALE_PLAN in report.exit_codes:
        return "Nothing was written: the saved plan no longer matches the world"
    if report.mode == "plan":
        return f"Planned: {plural(report.planned, 'action')}"
    if not report.outcomes:
        return "Applied: nothing was to be done"
    return (
        f"Applied: {plural(report.signatures, 'signature')}, "
        f"{plural(report.events_sent, 'event')}, {plural(report.pushes_sent, 'push')}"
    )


def _results(outcomes: Sequence[Outcome]) -> str:
    """`5 actions: 3 done, 2 failed`; each result that occurred."""
    found = Counter(outcome.result for outcome in outcomes)
    said = [f"{found[Result.DONE]} done"]
    said += [f"{found[r]} {r}" for r in Result if found[r] and r is not Result.DONE]
    return f"{plural(len(outcomes), 'action')}: {', '.join(said)}"


def _blocks(outcomes: Iterable[Outcome], names: Names) -> Mapping[Block, tuple[Line, ...]]:
    """Everything that did not simply succeed, by the heading that its result stands under."""
    groups: dict[Block, list[Outcome]] = {block: [] for block in Block}
    for outcome in outcomes:
        groups[RESULTS[outcome.result].block].append(outcome)
    told = {block: _folded(found, names) for block, found in groups.items() if found}
    told.pop(Block.CHANGED, None)
    told.pop(Block.SILENT, None)
    if skipped := groups[Block.COUNTED]:
        text = f"{_counted(skipped)}: what they need did not happen"
        told[Block.COUNTED] = (Line(Mark.HELD.symbol, text),)
    return told


def _folded(outcomes: Iterable[Outcome], names: Names) -> tuple[Line, ...]:
    """One line for all that ended so on one server for one reason."""
    groups: defaultdict[tuple[Result, str | None, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.result, outcome.server, outcome.detail].append(outcome)
    return tuple(_fold(*key, same, names) for key, same in groups.items())


def _fold(
    result: Result, server: str | None, detail: str, same: Sequence[Outcome], names: Names
) -> Line:
    end = RESULTS[result]
    why = f": {safe(detail, _REASON_CHARS)}" if detail else ""
    again = min((outcome.again for outcome in same if outcome.again), default=0)
    when = f" (again from {clock(again)})" if again else ""
    how = f"{names.on(server)}{f' ({result})' if end.told else ''}{when}{why}"
    told = [f"{safe(outcome.repository)}: {outcome.deed}" for outcome in same]
    if len(same) == 1:
        return Line(end.mark.symbol, f"{told[0]}{how}")
    who = tuple(dict.fromkeys(safe(outcome.repository) for outcome in same))
    return Line(end.mark.symbol, f"{_counted(same)}{how}", tuple(told), who)


def _counted(outcomes: Iterable[Outcome]) -> str:
    counts = Counter(outcome.verb for outcome in outcomes)
    return ", ".join(plural(counts[verb], _NOUNS[verb]) for verb in Verb if counts[verb])


def _changed(outcomes: Iterable[Outcome], names: Names) -> Iterable[Line]:
    """What was written, by repository; repositories that got the very same share a line."""
    by_repository: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for outcome in outcomes:
        if outcome.result in WRITTEN:
            servers = by_repository[safe(outcome.repository)][outcome.deed]
            servers += [names.server(outcome.server)] if outcome.server else []
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, deeds in by_repository.items():
        # several events of one kind go to one server: said once
        said = (
            f"{what} {on(list(dict.fromkeys(at)))}" if at else what for what, at in deeds.items()
        )
        groups["; ".join(said)].append(name)
    for text, repositories in groups.items():
        yield Line(Mark.NEW.symbol, text, names=tuple(repositories))
