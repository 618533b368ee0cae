"""The reports of all shards as the report of one run; overlaps and gaps are refused. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from reconciler.model.outcome import Recap, Report, Stage
from reconciler.model.plan import ServerSummary
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.codes import Exit, worst

_T = TypeVar("_T")
_SAME: Sequence[tuple[str, Callable[[Report], object]]] = (
    ("modes", lambda report: report.mode),
    ("desired states", lambda report: report.desired_digest),
    ("numbers of shards", lambda report: report.shard[1]),
    ("limits", lambda report: report.limit),
    ("versions of the program", lambda report: report.tool),
)
"""What all of them must have in common."""


def amiss(reports: Sequence[Report]) -> Iterator[str]:
    """Why these are not the shards of one run, in words; nothing when they are."""
    for what, of in _SAME:
        if len({of(report) for report in reports}) > 1:
            yield f"the reports are of different {what}"
    counts = Counter(report.shard[0] for report in reports)
    wanted = range(1, max((report.shard[1] for report in reports), default=1) + 1)
    if missing := [number for number in wanted if not counts[number]]:
        yield f"shard {', '.join(map(str, missing))} of {len(wanted)} is missing"
    if twice := [number for number, count in sorted(counts.items()) if count > 1]:
        yield f"shard {', '.join(map(str, twice))} is there more than once"
    owners = Counter(summary.coordinate for report in reports for summary in report.repositories)
    if both := [str(coordinate) for coordinate, count in owners.items() if count > 1]:
        yield f"{both[0]} stands in more than one report"


def joined(reports: Sequence[Report], *, actor: str) -> Report:
    """One report of reports in which nothing is `amiss`.

    The servers are those of all, and one is unknown that was so for anybody; cells, holds and ends
    stand in the order of one run; the exit codes are all that held anywhere.
    """
    runs = sorted(reports, key=lambda report: report.shard)
    finished = max(report.finished for report in runs)
    plans = "".join(report.plan_digest for report in runs)
    codes = worst(Exit(code) for report in runs for code in report.exit_codes if code)
    mark = hashlib.sha256("".join(report.run_id for report in runs).encode()).hexdigest()
    return replace(
        runs[0],
        run_id=f"{re.sub('[-:]', '', finished)}-{mark[:6]}",
        started=min(report.started for report in runs),
        finished=finished,
        actor=actor,
        shard=(1, 1),
        merged=tuple(report.run_id for report in runs),
        previous=None,
        stages=_stages(runs),
        plan_digest=hashlib.sha256(plans.encode()).hexdigest(),
        exit_code=int(codes[0]),
        exit_codes=tuple(map(int, codes)),
        planned=sum(report.planned for report in runs),
        signatures=sum(report.signatures for report in runs),
        events_sent=sum(report.events_sent for report in runs),
        pushes_sent=sum(report.pushes_sent for report in runs),
        recap=_recap(runs),
        servers=_servers(runs),
        repositories=_sorted(runs, lambda r: r.repositories, lambda s: (s.coordinate, "", "")),
        cells=_sorted(runs, lambda r: r.cells, lambda c: (c.coordinate, "", "")),
        holds=_sorted(
            runs, lambda r: r.holds, lambda h: (h.coordinate, h.server or "", str(h.reason))
        ),
        unmatched=tuple(dict.fromkeys(slip for report in runs for slip in report.unmatched)),
        findings=tuple(finding for report in runs for finding in report.findings),
        outcomes=tuple(outcome for report in runs for outcome in report.outcomes),
        notes=tuple(dict.fromkeys(note for report in runs for note in report.notes)),
    )


def _sorted(
    runs: Sequence[Report],
    of: Callable[[Report], Iterable[_T]],
    key: Callable[[_T], tuple[Coordinate, str, str]],
) -> tuple[_T, ...]:
    return tuple(sorted((item for report in runs for item in of(report)), key=key))


def _servers(runs: Sequence[Report]) -> tuple[ServerSummary, ...]:
    found: dict[str, ServerSummary] = {}
    for report in runs:
        for server in report.servers:
            if server.url not in found or (found[server.url].unknown is None and server.unknown):
                found[server.url] = server
    order = [server.url for server in runs[0].servers]
    return tuple(found[url] for url in sorted(found, key=order.index))


def _recap(runs: Sequence[Report]) -> tuple[Recap, ...]:
    """Counts add up; a server that was down for several counts its cells once each anyway."""
    counts = [field.name for field in fields(Recap) if field.name not in ("server", "detail")]
    rows: defaultdict[str, list[Recap]] = defaultdict(list)
    for report in runs:
        for row in report.recap:
            rows[row.server].append(row)
    return tuple(
        Recap(
            server=name,
            **{count: sum(getattr(row, count) for row in same) for count in counts},
            detail=next((row.detail for row in same if row.detail), ""),
        )
        for name, same in rows.items()
    )


def _stages(runs: Sequence[Report]) -> tuple[Stage, ...]:
    """Shards run side by side: the slowest counts, stage by stage."""
    longest = max(runs, key=lambda report: len(report.stages)).stages
    return tuple(
        Stage(
            stage.name,
            max(r.stages[i].seconds for r in runs if i < len(r.stages)),
        )
        for i, stage in enumerate(longest)
    )
