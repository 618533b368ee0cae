"""Empty servers beside a full one, all with the limits of the real ngit-grasp: filled by one
announcement each, and by events that we send."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure import Measure, Place, Row, counted
from bench.rig import Rig, Run, rig

REPOSITORIES = 20
ISSUES = 1_000
EMPTY = 3
EVERY = 300.0
MOST = 12


def run(place: Place) -> Sequence[Row]:
    """With delegation, and without."""
    rows = []
    for delegate, name in ((True, "left to the servers"), (False, "sent by us")):
        with rig(place.folder / name.replace(" ", "-")) as made:
            made.delegate = delegate
            runs = filled(place, made, sync=delegate)
        seconds = sum(one.seconds for one in runs) + EVERY * (len(runs) - 1)
        ours = max(map(sum, zip(*(one.events for one in runs), strict=True)))
        arrived = 2 * REPOSITORIES + ISSUES
        targets = (180.0, arrived / 8) if delegate else (None, None)
        rows += [
            counted("fill", f"{name}: all there", "s", seconds, targets[0]),
            counted("fill", f"{name}: events of ours a server", "events", ours, targets[1]),
            counted("fill", f"{name}: runs", "runs", len(runs), None),
        ]
    return rows


def filled(place: Place, made: Rig, *, sync: bool) -> list[Run]:
    """Runs every five minutes until all is there, or there were too many."""
    made.serve("ngit-grasp")
    for _ in range(EMPTY):
        made.serve("ngit-grasp", sync=sync)
    made.seed(REPOSITORIES, ISSUES)
    runs: list[Run] = []
    while len(runs) < MOST and (min(made.whole()) < REPOSITORIES or made.lacking()):
        if runs:
            made.rest(EVERY)
        runs.append(made.run())
        place.say(f"{runs[-1]}, {made.lacking()} issues are lacking")
    return runs


MEASURE = Measure(
    name="fill", about="three empty ngit-grasp filled from a full one: 1,000 issues", run=run
)
