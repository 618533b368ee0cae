"""What it costs to begin: the program that says its version, and one that reads its input, beside
the interpreter that imports the two libraries which reading needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Measure, Place, Row, row
from bench.rounds import Side, alternate

ROUNDS = 25
DESIRED = Path(__file__).parents[2] / "desired-state.yaml"


def run(place: Place) -> Sequence[Row]:
    """Processor time only: what another process does to a tenth of a second of wall clock is more
    than what is measured."""
    program = [Path(sys.executable).parent / "reconcile"]
    del place
    version, validate, peer = alternate(
        (
            Side(name="--version", command=[*program, "--version"]),
            Side(name="validate", command=[*program, "validate", "-f", DESIRED]),
            Side(
                name='python -c "import yaml, jsonschema"',
                command=[sys.executable, "-c", "import yaml, jsonschema"],
            ),
        ),
        ROUNDS,
    )
    return [
        row("start", "cpu", version, peer, 2.0, "--version: "),
        row("start", "cpu", validate, peer, 3.0, "validate: "),
    ]


MEASURE = Measure(name="start", about="the start of the program", run=run)
