"""`make bench`: measures programs that do the same, side by side, and says what holds.

    python -m bench [NAME…]      some measures; without a name all of them

Writes bench/latest.json (schemas/bench.schema.json) and prints a table. No test asserts any of it:
seconds belong to a machine, and ratios to one and its load.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.document import Done, document, table
from bench.measure import Measure, Place, Row
from bench.measures import MEASURES
from reconciler.model.codec import pretty
from reconciler.schemas import check_ours

LATEST = Path(__file__).parent / "latest.json"
PORT = int(os.environ.get("BENCH_PORT", "23100"))
"""The first port that servers of a measure listen at."""


def main(names: Sequence[str]) -> int:
    """Measure, write, print; the exit code: 1 where a program is missing, 64 for a wrong name."""
    console = Console()
    known = {measure.name: measure for measure in MEASURES}
    if wrong := [name for name in names if name not in known]:
        console.print(f"no measure {', '.join(wrong)}; there are {', '.join(known)}")
        return 64
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = [_measured(known[name], console) for name in names or known]
    LATEST.write_text(pretty(check_ours("bench", document(done, at))))
    console.print(table([row for one in done for row in one.rows]))
    for one in done:
        for program in one.missing:
            console.print(f"{one.name} needs {program.name}: {program.install}", style="bold")
    console.print(f"{LATEST}", style="dim")
    return 1 if any(one.missing for one in done) else 0


def _measured(measure: Measure, console: Console) -> Done:
    missing = tuple(program for program in measure.needs if program.find() is None)
    console.print(f"{measure.name}: {measure.about}", style="dim")
    began, load = time.monotonic(), os.getloadavg()[0]
    rows: tuple[Row, ...] = ()
    if not missing:
        with tempfile.TemporaryDirectory(prefix="grasp-bench-") as folder:
            rows = tuple(measure.run(Place(Path(folder), PORT, console.print)))
    return Done(
        name=measure.name,
        about=measure.about,
        seconds=time.monotonic() - began,
        load=(round(load, 2), round(os.getloadavg()[0], 2)),
        rows=rows,
        missing=missing,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
