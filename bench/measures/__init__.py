"""One file a measure, and one row here."""

from __future__ import annotations

from bench.measure import Measure
from bench.measures import fill, fleet, noop, push, relay, sandbox, start

MEASURES: tuple[Measure, ...] = (
    start.MEASURE,
    noop.MEASURE,
    push.MEASURE,
    fill.MEASURE,
    fleet.MEASURE,
    relay.MEASURE,
    sandbox.MEASURE,
)
"""In the order in which they run."""
