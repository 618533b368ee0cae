"""The results as a document for programs and as a table for people."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from bench.measure import Figure, Row
from bench.programs import Program
from reconciler import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How one measure went. `load` is the machine's before it and after it (one minute's mean)."""

    name: str
    about: str
    seconds: float
    load: tuple[float, float]
    rows: tuple[Row, ...] = ()
    missing: tuple[Program, ...] = ()


def document(done: Iterable[Done], at: str) -> dict[str, Any]:
    """As schemas/bench.schema.json says; `at` is when it was measured."""
    measures = list(done)
    return {
        "version": 1,
        "program": __version__,
        "at": at,
        "machine": _machine(),
        "measures": [
            {
                "name": one.name,
                "about": one.about,
                "seconds": round(one.seconds, 1),
                "load": list(one.load),
                "missing": [asdict(program) for program in one.missing],
            }
            for one in measures
        ],
        "rows": [_row(row) for one in measures for row in one.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "measure": row.measure,
        "what": row.what,
        "unit": row.unit,
        "ours": _figure(row.ours),
        "theirs": _figure(row.theirs) if row.theirs else None,
        "ratio": None if row.ratio is None else round(row.ratio, 3),
        "target": row.target,
        "holds": row.holds,
    }


def _figure(figure: Figure) -> Mapping[str, Any]:
    runs = [round(run, 4) for run in figure.runs]
    return {"side": figure.side, "median": round(figure.median, 4), "runs": runs}


def _machine() -> dict[str, Any]:
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True)
    return {
        "processors": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "git": git.stdout.split()[2],
    }


def table(rows: Sequence[Row]) -> Table:
    """One line a row."""
    found = Table(box=None, pad_edge=False)
    for name in ("measure", "what"):
        found.add_column(name)
    for name in ("ours", "theirs", "ratio", "target"):
        found.add_column(name, justify="right")
    for name in ("", "beside"):
        found.add_column(name)
    for row in rows:
        found.add_row(*_cells(row))
    return found


def _cells(row: Row) -> tuple[str, ...]:
    theirs = _shown(row.theirs.median, row.unit) if row.theirs else ""
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
    bound = "" if row.target is None else f"{row.target:g} ×"
    if row.target is not None and not row.theirs:
        bound = _shown(row.target, row.unit)
    word = {None: "", True: "holds", False: "does not hold"}[row.holds]
    beside = row.theirs.side if row.theirs else ""
    ours = _shown(row.ours.median, row.unit)
    return row.measure, row.what, ours, theirs, ratio, bound and f"≤ {bound}", word, beside


def _shown(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} {unit}"
