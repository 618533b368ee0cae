"""One empty ngit-relay, which takes 15 events and then 3 every 3 minutes: runs every quarter of an
hour, some of them killed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from bench.measure import Measure, Place, Row, counted
from bench.rig import Run, rig

REPOSITORIES = 40
ISSUES = 100
EVERY = 900.0
KILLED = {1: 1.5, 3: 3.0}
"""Which runs are killed, and after how many seconds."""
EVENTS = 2 * REPOSITORIES + ISSUES
BUDGET = 15
"""Events at once, and in every quarter of an hour: three repositories with their issues."""


def run(place: Place) -> Sequence[Row]:
    """Until all is there."""
    allowed = ceil(EVENTS / BUDGET)
    runs: list[Run] = []
    with rig(place.folder / "relay") as made:
        made.serve("ngit-grasp")
        made.serve("ngit-relay", sync=True)
        made.seed(REPOSITORIES, ISSUES)
        while len(runs) < 2 * allowed and (min(made.whole()) < REPOSITORIES or made.lacking()):
            if runs:
                made.rest(EVERY)
            runs.append(made.run(kill=KILLED.get(len(runs))))
            place.say(f"{runs[-1]}, {made.lacking()} issues are lacking")
        lost = REPOSITORIES - made.whole()[0] + made.lacking()
    refused = max(one.refused[0] for one in runs)
    sent = sum(one.events[0] for one in runs)
    steps = [after.whole[0] - before.whole[0] for before, after in pairwise(runs)]
    halves = REPOSITORIES - runs[0].whole[0]
    return [
        counted("relay", "refused a run", "events", refused, 1),
        counted("relay", "sent more than there are", "events", sent - EVENTS, len(runs)),
        counted("relay", "not there in the end", "items", lost, 0),
        counted("relay", "runs", "runs", len(runs), allowed + len(KILLED) + 1),
        counted("relay", "repositories lost from run to run", "repositories", -min(steps), 0),
        counted("relay", "not whole after the first run", "repositories", halves, 37),
    ]


MEASURE = Measure(name="relay", about="an empty ngit-relay filled over hours", run=run)
