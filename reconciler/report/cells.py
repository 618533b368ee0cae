"""The history of single cells: how they stood in each run, and what was done there. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from reconciler.model.outcome import WRITTEN, Outcome, Report
from reconciler.nostr.nip34 import Coordinate
from reconciler.report import grid
from reconciler.report.grid import Place
from reconciler.report.lines import Line
from reconciler.report.marks import FAILED, Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.words import describe

_REFS = 6


def chosen(word: str, names: Names) -> tuple[Place, ...]:
    """The cells that `<repository>` or `<repository>@<server>` means; both may be globs."""
    repository, _, server = word.partition("@")
    return tuple(
        (coordinate, url)
        for coordinate, name in names.repositories.items()
        if fnmatchcase(name, repository) or fnmatchcase(coordinate.identifier, repository)
        for url, called in names.servers.items()
        if not server or fnmatchcase(called, server) or fnmatchcase(url, server)
    )


def history(word: str, reports: Sequence[Report]) -> dict[str, tuple[Line, ...]]:
    """Cell by cell, a line for each run in which it changed or something was done.

    Args:
        word: which cells, as `chosen` has it.
        reports: the runs, the oldest first.
    """
    found: defaultdict[str, list[Line]] = defaultdict(list)
    stood: dict[str, tuple[Mark, str]] = {}
    for report in reports:
        names = Names.of(report.repositories, report.servers)
        left = grid.left(report, names)
        for coordinate, server in chosen(word, names):
            mark = left[coordinate, server].mark if (coordinate, server) in left else Mark.NONE
            if mark is Mark.NONE:
                continue
            title = f"{names.repository(coordinate)} on {names.server(server)}"
            why = _why(report, coordinate, server)
            done = tuple(_done(report, coordinate, server))
            if done or stood.get(title) != (mark, why):
                text = f"{report.started} {report.mode}: {mark.word}{f': {why}' if why else ''}"
                found[title].append(Line(mark.symbol, text, done))
            stood[title] = (mark, why)
    return {title: tuple(lines) for title, lines in found.items()}


def _why(report: Report, coordinate: Coordinate, server: str) -> str:
    for cell in report.cells:
        if (cell.coordinate, cell.server) == (coordinate, server):
            return safe(cell.detail, 500)
    return ""


def _done(report: Report, coordinate: Coordinate, server: str) -> Iterator[str]:
    for outcome in report.outcomes:
        if (outcome.coordinate, outcome.server) == (coordinate, server):
            yield from _told(outcome)


def _told(outcome: Outcome) -> Iterator[str]:
    why = f": {safe(outcome.detail, 500)}" if outcome.detail else ""
    event = f" {outcome.event}" if outcome.event else ""
    yield f"{outcome.deed}{event}: {outcome.result}{why}"
    if outcome.result in WRITTEN | FAILED:
        yield from map(describe, outcome.moved[:_REFS])
        if (left := len(outcome.moved) - _REFS) > 0:
            yield f"and {left} more refs"
