"""The numbers of a run as metrics: names and units by Prometheus' conventions, labels that stay few
(servers, never repositories). Pure; `serving.metrics` writes them down."""

from __future__ import annotations

import calendar
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.model.outcome import Report
from reconciler.report.codes import MEANING, Exit
from reconciler.report.health import succeeded
from reconciler.report.history import Past
from reconciler.report.marks import COLUMNS, SELDOM
from reconciler.report.names import Names
from reconciler.report.safe import safe

PREFIX = "grasp_reconciler"
Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: its name without the prefix, what it tells, its labels, and a sample for each of
    their values. All are gauges: they tell of the last run and not of a process."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]


def figures(report: Report, past: Sequence[Past] = ()) -> tuple[Figure, ...]:
    """Everything that is measured of a run; `past` are earlier runs, the oldest first."""
    return (*_run(report, past), *_fleet(report))


def _run(report: Report, past: Sequence[Past]) -> Iterator[Figure]:
    yield Figure("build_info", "Version of the program.", ("version",), (((report.tool,), 1),))
    commit = ((report.commit or "", report.desired_digest[:16]), 1.0)
    yield Figure(
        "desired_state_info",
        "The desired state that was asked for.",
        ("commit", "digest"),
        (commit,),
    )
    finished = seconds_of(report.finished)
    yield _plain("last_run_timestamp_seconds", "When the last run ended.", finished)
    good = [seconds_of(run.started) for run in past if succeeded([run.exit_code])]
    last = finished if succeeded(report.exit_codes) else max(good, default=0)
    text = "When the last run ended in which nothing failed and no guard refused; 0: none is known."
    yield _plain("last_success_timestamp_seconds", text, last)
    duration = finished - seconds_of(report.started)
    yield _plain("run_duration_seconds", "How long the last run took.", duration)
    stages: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for stage in report.stages:
        stages[(stage.name,)] += stage.seconds
    yield _table(
        "stage_duration_seconds", "How long a stage of it took.", ("stage",), stages.items()
    )
    yield _plain("last_run_exit_code", "The worst exit code that held.", report.exit_code)
    codes = {(str(code), MEANING[Exit(code)]): 1.0 for code in report.exit_codes}
    yield _table(
        "exit_code", "Every exit code that held, as 1.", ("code", "meaning"), codes.items()
    )
    yield _plain("planned_actions", "Actions that were planned.", report.planned)
    ends = Counter((str(o.verb), str(o.result)) for o in report.outcomes)
    yield _table("actions", "Actions by how they ended.", ("action", "result"), ends.items())


def _fleet(report: Report) -> Iterator[Figure]:
    names = Names.of(report.repositories, report.servers)
    up = {(names.server(s.url),): float(s.unknown is None) for s in report.servers}
    yield _table("server_up", "Whether all of a server answered.", ("server",), up.items())
    yield _plain("repositories", "Repositories that are looked after.", len(report.repositories))
    cells = {
        (safe(row.server), column): float(getattr(row, column))
        for row in report.recap
        for column in (*COLUMNS, *SELDOM)
        if column != "changed"
    }
    text = "Repositories of each server by how they stand, in the recap's words."
    yield _table("cells", text, ("server", "state"), cells.items())
    busy: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for outcome in report.outcomes:
        if outcome.server:
            busy[(names.server(outcome.server),)] += outcome.seconds
    yield _table(
        "server_write_seconds", "Time spent writing to a server.", ("server",), busy.items()
    )
    holds = Counter((str(h.reason), str(h.accepted).lower()) for h in report.holds)
    yield _table("holds", "What is held back, by reason.", ("reason", "accepted"), holds.items())
    guards = Counter((f.guard,) for f in report.findings if not f.accepted)
    yield _table("guard_refusals", "What guards keep back.", ("guard",), guards.items())


def _plain(name: str, text: str, value: float) -> Figure:
    return Figure(name, text, (), (((), value),))


def _table(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[str, ...], float]],
) -> Figure:
    samples = sorted((tuple(map(safe, key)), float(value)) for key, value in values)
    return Figure(name, text, labels, tuple(samples))


def seconds_of(text: str) -> int:
    """Seconds since 1970 of a time in RFC 3339, as reports have it."""
    parts = [int(part) for part in re.findall(r"\d+", text)[:6]]
    return calendar.timegm((*parts, 0, 0, 0)) if len(parts) == 6 else 0
