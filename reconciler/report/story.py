"""An apply as a person reads it: how it ended, what failed and why, what changed. Pure.

x alice/widget: push 5 refs on beta.example: not-found
x 12 pushes on gamma.example: timed-out: no answer in 120 s
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from reconciler.model.actions import Verb
from reconciler.model.outcome import WRITTEN, Outcome, Recap, Report, Result
from reconciler.nostr import urls
from reconciler.report import standing
from reconciler.report.codes import MEANING, Exit
from reconciler.report.lines import Line
from reconciler.report.safe import safe
from reconciler.report.standing import Refusal
from reconciler.report.words import clock, on, plural

FAILED = (Result.FAILED, Result.UNREACHABLE, Result.STALE)
_NOUNS = {Verb.SIGN: "signature", Verb.PUBLISH: "event", Verb.PUSH: "push"}
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What every renderer of an outcome shows; all texts are safe to print."""

    report: Report
    digest: str
    headline: str
    counts: str
    ends: tuple[str, ...]
    failed: tuple[Line, ...]
    settling: tuple[Line, ...]
    deferred: tuple[Line, ...]
    kept: tuple[Line, ...]
    changed: tuple[Line, ...]
    refusals: tuple[Refusal, ...]
    holds: tuple[Line, ...]
    accepted: int
    unknown: tuple[Line, ...]
    notes: tuple[str, ...]
    recap: tuple[Recap, ...]


def story(report: Report) -> Story:
    """Group what happened for reading."""
    names = standing.names_of(report.repositories)
    results = Counter(outcome.result for outcome in report.outcomes)
    wrote = f"{plural(report.signatures, 'signature')}, {plural(report.events_sent, 'event')}, "
    wrote += plural(report.pushes_sent, "push")
    others = ", ".join(f"{results[r]} {r}" for r in Result if results[r] and r not in WRITTEN)
    return Story(
        report=report,
        digest=report.plan_digest,
        headline=_headline(report, wrote),
        counts=f"{plural(len(report.outcomes), 'action')}: {results[Result.DONE]} done"
        + (f", {results[Result.SETTLING]} settling" if results[Result.SETTLING] else "")
        + (f", {others}" if others else ""),
        ends=tuple(f"{code} ({MEANING[Exit(code)]})" for code in report.exit_codes),
        failed=_folded(report.outcomes, FAILED, "x"),
        settling=_folded(report.outcomes, (Result.SETTLING, Result.DELEGATED), "?"),
        deferred=_folded(report.outcomes, (Result.DEFERRED,), "?"),
        kept=(*_folded(report.outcomes, (Result.HELD,), "!"), *_waiting(report.outcomes)),
        changed=tuple(_changed(report.outcomes)),
        refusals=standing.refusals(report.findings, report.plan_digest),
        holds=standing.held(report.holds, names),
        accepted=sum(hold.accepted for hold in report.holds),
        unknown=(
            *standing.unknown(report.servers, report.cells, names),
            *standing.poor(report.outcomes),
        ),
        notes=(*standing.slips(report.unmatched, report.servers), *map(safe, report.notes)),
        recap=report.recap,
    )


def _headline(report: Report, wrote: str) -> str:
    if Exit.USAGE in report.exit_codes:
        return "Nothing was written: --limit matches nothing"
    if Exit.STALE_PLAN in report.exit_codes:
        return "Nothing was written: the saved plan no longer matches the world"
    if not report.outcomes:
        return "Applied: nothing was to be done"
    return f"Applied: {wrote}"


def _folded(
    outcomes: Iterable[Outcome], results: Collection[Result], symbol: str
) -> tuple[Line, ...]:
    """One line for all that ended so on one server for one reason."""
    groups: defaultdict[tuple[Result, str | None, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.result in results:
            groups[outcome.result, outcome.server, outcome.detail].append(outcome)
    return tuple(_fold(symbol, *key, same) for key, same in groups.items())


def _fold(
    symbol: str, result: Result, server: str | None, detail: str, same: Sequence[Outcome]
) -> Line:
    where = f" on {urls.host(server)}" if server else ""
    why = f": {safe(detail, _REASON_CHARS)}" if detail else ""
    how = f" ({result})" if result in (Result.STALE, Result.UNREACHABLE) else ""
    again = max((outcome.again for outcome in same if outcome.again), default=0)
    how += f" (again from {clock(again)})" if again else ""
    if len(same) == 1:
        return Line(symbol, f"{safe(same[0].repository)}: {same[0].deed}{where}{how}{why}")
    what = _counted(same)
    details = tuple(f"{safe(outcome.repository)}: {outcome.deed}" for outcome in same)
    names = tuple(dict.fromkeys(safe(outcome.repository) for outcome in same))
    return Line(symbol, f"{what}{where}{how}{why}", details, names)


def _counted(outcomes: Iterable[Outcome]) -> str:
    counts = Counter(outcome.verb for outcome in outcomes)
    return ", ".join(plural(counts[verb], _NOUNS[verb]) for verb in Verb if counts[verb])


def _waiting(outcomes: Iterable[Outcome]) -> Iterable[Line]:
    """What was not attempted is counted only: the reason stands in another line already."""
    skipped = [outcome for outcome in outcomes if outcome.result is Result.SKIPPED]
    if skipped:
        yield Line("!", f"{_counted(skipped)} not attempted: what they need did not happen")


def _changed(outcomes: Iterable[Outcome]) -> Iterable[Line]:
    """What was written, by repository; repositories that got the very same share a line."""
    by_repository: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for outcome in outcomes:
        if outcome.result in WRITTEN:
            servers = by_repository[safe(outcome.repository)][outcome.deed]
            servers += [urls.host(outcome.server)] if outcome.server else []
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, deeds in by_repository.items():
        # several events of one kind go to one server: said once
        said = (
            f"{what} {on(list(dict.fromkeys(at)))}" if at else what for what, at in deeds.items()
        )
        groups["; ".join(said)].append(name)
    for text, repositories in groups.items():
        yield Line("+", text, names=tuple(repositories))
