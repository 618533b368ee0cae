"""Is all well, in one word: of a run, of each server, of each repository. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from reconciler.model.outcome import Report
from reconciler.nostr.strictjson import Json
from reconciler.report import grid
from reconciler.report.codes import Exit
from reconciler.report.marks import Mark
from reconciler.report.names import Names


class Health(StrEnum):
    """From good to bad."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


_CODES: Mapping[Exit, Health] = {
    Exit.DONE: Health.OK,
    Exit.CHANGES: Health.OK,
    Exit.BUSY: Health.OK,
    Exit.UNKNOWN: Health.DEGRADED,
    Exit.HELD: Health.DEGRADED,
}
"""Everything else is failing: what is unknown heals by itself, and what is held is known."""
_MARKS: Mapping[Mark, Health] = {
    Mark.FAILED: Health.FAILING,
    Mark.UNKNOWN: Health.DEGRADED,
    Mark.HELD: Health.DEGRADED,
}


def of_codes(codes: Iterable[int]) -> Health:
    """The worst that the exit codes of a run say."""
    return _worst(_CODES.get(Exit(code), Health.FAILING) for code in codes)


def succeeded(codes: Iterable[int]) -> bool:
    """Did a run do all that could be done?"""
    return of_codes(codes) is not Health.FAILING


def document(report: Report | None) -> Json:
    """What `/api/mirror-health` says; without any report there is nothing to say yet."""
    if report is None:
        return {"status": Health.DEGRADED, "run": None, "servers": [], "repositories": []}
    names = Names.of(report.repositories, report.servers)
    servers: defaultdict[str, Counter[Mark]] = defaultdict(Counter)
    repositories: defaultdict[str, Counter[Mark]] = defaultdict(Counter)
    for (coordinate, server), cell in grid.left(report, names).items():
        servers[server][cell.mark] += 1
        repositories[names.repository(coordinate)][cell.mark] += 1
    return {
        "status": of_codes(report.exit_codes),
        "run": {
            "id": report.run_id,
            "mode": report.mode,
            "started": report.started,
            "finished": report.finished,
            "exit_codes": list(report.exit_codes),
        },
        "servers": [
            {
                "name": names.server(server.url),
                "url": server.url,
                "unknown": server.unknown,
                **_counted(servers[server.url], down=server.unknown is not None),
            }
            for server in report.servers
        ],
        "repositories": [
            {"name": name, **_counted(repositories[name])} for name in names.repositories.values()
        ],
    }


def _counted(marks: Counter[Mark], *, down: bool = False) -> dict[str, Json]:
    status = _worst(_MARKS.get(mark, Health.OK) for mark in marks)
    status = Health.DEGRADED if down and status is Health.OK else status
    cells = {mark.name.lower(): marks[mark] for mark in Mark if marks[mark]}
    return {"status": status, "cells": cells}


def _worst(found: Iterable[Health]) -> Health:
    order = list(Health)
    return max(found, key=order.index, default=Health.OK)
