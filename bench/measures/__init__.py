"""One file a measure, and one row here."""

from __future__ import annotations

from bench.measure import Measure
from bench.measures import fill, fleet, noop, push, refs, relay, sandbox, start

MEASURES: tuple[Measure, ...] = (
    start.MEASURE,
    refs.MEASURE,
    noop.MEASURE,
    push.MEASURE,
    fill.MEASURE,
    fleet.MEASURE,
    relay.MEASURE,
    sandbox.MEASURE,
)
"""In the order in which they run."""
