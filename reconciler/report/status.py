"""How the fleet stands, from the last reports: what is wrong, since when, what happens next, and
what a person must do. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.actions import Verb
from reconciler.model.outcome import Report, Result
from reconciler.model.plan import ADVISORY, Hold
from reconciler.nostr.nip34 import Coordinate
from reconciler.report import grid
from reconciler.report.codes import MEANING, Exit
from reconciler.report.grid import Grid, Place
from reconciler.report.history import Past
from reconciler.report.lines import Line
from reconciler.report.marks import FAILED, Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe

_NEXT: Mapping[Mark, tuple[str, str]] = {
    Mark.FAILED: ("Failed", "the next apply tries it again"),
    Mark.HELD: ("Waits for a person", "nothing happens until then"),
    Mark.UNKNOWN: ("Unknown: could not be learnt", "each run asks again"),
    Mark.CHANGE: ("Differs", "the next apply brings it about"),
    Mark.DEFERRED: ("Deferred", "a later run goes on where a limit ended this one"),
    Mark.SETTLING: ("Settling", "each run looks again; the server has it and does not show it yet"),
}
"""The heading of what stands so, and what happens next."""
_UNSIGNED = "Not signed; each run asks again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What every renderer of the status shows; all texts are safe to print.

    `runs` says when something was last done, and how it ended; `blocks` pairs headings with lines,
    each of which says since when.
    """

    report: Report
    runs: tuple[str, ...]
    grid: Grid
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]
    healthy: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """What cells have in common that share a line."""

    mark: Mark
    why: str
    release: str
    since: str
    server: str


def status(report: Report, past: Sequence[Past]) -> Status:
    """From the report of one run, and all runs (that one too), the oldest first."""
    names = Names.of(report.repositories, report.servers)
    facts = _Facts.of(report)
    cases: defaultdict[_Case, list[Coordinate]] = defaultdict(list)
    for place, cell in grid.left(report, names).items():
        if cell.mark in _NEXT:
            since = _since(past, place, cell.mark, report.started)
            cases[facts.case(place, cell.mark, since)].append(place[0])
    blocks = [
        (f"{title}; {then}", tuple(_lines(mark, cases, names)))
        for mark, (title, then) in _NEXT.items()
    ]
    blocks.insert(0, (_UNSIGNED, tuple(_unsigned(report, names))))
    return Status(
        report=report,
        runs=tuple(_runs(report, past)),
        grid=grid.of_report(report, names),
        blocks=tuple((title, lines) for title, lines in blocks if lines),
        healthy=not cases,
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a report says of each place: why, and which hold keeps it."""

    details: Mapping[Place, str]
    failed: Mapping[Place, str]
    holds: Mapping[tuple[Coordinate, str | None], Hold]

    @classmethod
    def of(cls, report: Report) -> _Facts:
        """Sorted by place."""
        return cls(
            {(cell.coordinate, cell.server): cell.detail for cell in report.cells},
            {
                (end.coordinate, end.server): f"{end.deed}: {end.detail}"
                for end in reversed(report.outcomes)
                if end.coordinate and end.server and end.result in FAILED
            },
            {(h.coordinate, h.server): h for h in report.holds if h.reason not in ADVISORY},
        )

    def case(self, place: Place, mark: Mark, since: str) -> _Case:
        """What this cell shares with others that are like it."""
        coordinate, server = place
        hold = self.holds.get(place) or self.holds.get((coordinate, None))
        if mark is Mark.HELD and hold:
            return _Case(mark, f"{hold.reason}: {hold.detail}", hold.release, since, server)
        why = self.failed.get(place, "") if mark is Mark.FAILED else self.details.get(place, "")
        return _Case(mark, why, "", since, server)


def _unsigned(report: Report, names: Names) -> Iterator[Line]:
    """Signatures that the last run wanted and did not get, by what kept them back."""
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for end in report.outcomes:
        if end.verb is Verb.SIGN and end.result is Result.HELD and end.coordinate:
            groups[end.deed, end.detail].append(names.repository(end.coordinate))
    for (deed, why), repositories in groups.items():
        text = f"{deed}: {safe(why, 500)}"
        yield Line(Mark.HELD.symbol, text, names=tuple(sorted(repositories)))


def _lines(mark: Mark, cases: Mapping[_Case, Sequence[Coordinate]], names: Names) -> Iterator[Line]:
    """One line for all that stands so for one reason since the same run, wherever it does."""
    places: defaultdict[tuple[str, str, str, frozenset[Coordinate]], list[str]] = defaultdict(list)
    for case, coordinates in cases.items():
        if case.mark is mark:
            key = (case.why, case.release, case.since, frozenset(coordinates))
            places[key].append(names.server(case.server))
    for (why, release, since, alike), servers in places.items():
        text = f"{', '.join(servers)}, since {since}: {safe(why, 500) or mark.word}"
        details = (f"released when {safe(release, 500)}",) if release else ()
        who = tuple(sorted(map(names.repository, alike)))
        yield Line(mark.symbol, text, details, who)


def _since(past: Sequence[Past], place: Place, mark: Mark, started: str) -> str:
    """When the first of the runs began that found it so, one after the other, until now. A run that
    did not look at the cell says nothing of it."""
    key = (str(place[0]), place[1])
    since, runs = started, 0
    for run in reversed(past):
        if key not in run.marks or run.started > started:
            continue
        if run.marks[key] is not mark:
            break
        since, runs = run.started, runs + 1
    return f"{since} ({runs} runs)" if runs > 1 else since


def _runs(report: Report, past: Sequence[Past]) -> Iterator[str]:
    last = f"{report.finished}, {report.mode} {report.run_id}"
    ends = ", ".join(f"{code} ({MEANING[Exit(code)]})" for code in report.exit_codes)
    yield f"last run: {last} by {safe(report.actor) or 'somebody'}: {ends}"
    good = [run for run in past if run.exit_code == Exit.DONE]
    if report.exit_code != Exit.DONE:
        when = good[-1].started if good else f"none of the last {len(past)} runs"
        yield f"last run that ended with 0: {when}"
    for run in [run for run in past if run.started > report.finished][-1:]:
        yield f"since then: {run.mode} at {run.started}, exit code {run.exit_code}"
