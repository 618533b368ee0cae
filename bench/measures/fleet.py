"""Eight empty servers that do nothing by themselves, with the limits of the real ngit-grasp and
our default manners: runs every five minutes, until all is there."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from bench.measure import Measure, Place, Row, counted
from bench.rig import Run, rig

REPOSITORIES = 88
EMPTY = 8
EVERY = 300.0
BUDGET = 60
"""Events that a connection begins with."""


def run(place: Place) -> Sequence[Row]:
    """Until all is there, and once more."""
    allowed = ceil(2 * REPOSITORIES / BUDGET)
    runs: list[Run] = []
    with rig(place.folder / "fleet") as made:
        made.delegate = False
        for _ in range(1 + EMPTY):
            made.serve("ngit-grasp")
        made.seed(REPOSITORIES, 0)
        while len(runs) < 2 * allowed and (not runs or min(runs[-1].whole) < REPOSITORIES):
            if runs:
                made.rest(EVERY)
            runs.append(made.run())
            place.say(str(runs[-1]))
        again = made.run()
        place.say(f"once more: {again}")
    halves = REPOSITORIES - min(runs[0].whole)
    return [
        counted("fleet", "first run", "s", runs[0].seconds, None),
        counted("fleet", "not whole after it", "repositories", halves, REPOSITORIES - 25),
        counted("fleet", "refused a run and server", "events", _most(runs), 1),
        counted("fleet", "runs", "runs", len(runs), allowed + 1),
        counted("fleet", "exit codes", "code", max(one.code for one in runs), 0),
        counted("fleet", "once more: events", "events", sum(again.events), 0),
    ]


def _most(runs: Sequence[Run]) -> int:
    return max(max(one.refused) for one in runs)


MEASURE = Measure(name="fleet", about="88 repositories for eight empty ngit-grasp", run=run)
