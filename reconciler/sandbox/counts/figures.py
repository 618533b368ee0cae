"""What the sync of one server has done and is doing: numbers for /metrics, as a frozen value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum


class Source(Enum):
    """How a synced event came."""

    LIVE = "live"
    STARTUP = "startup"
    RECONNECT = "reconnect"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Figures:
    """One moment. `relays_read` counts relays whose announcements were read to the end, `events`
    synced events that were accepted, by source; `fetches` git fetches that brought something,
    `failed_fetches` the others. `throttled` is how many wait for a turn, by domain; `indexed` the
    size of the first index, `confirmed` of the second, `rejected_kept` of the cache of refusals.
    """

    relays_connected: int = 0
    relays_tracked: int = 0
    relays_read: int = 0
    events: tuple[tuple[str, int], ...] = ()
    events_rejected: int = 0
    batches_pending: int = 0
    confirmed: int = 0
    hunts: int = 0
    hunts_running: int = 0
    fetches: int = 0
    failed_fetches: int = 0
    sources_refused: int = 0
    throttled: tuple[tuple[str, int], ...] = ()
    indexed: int = 0
    rejected_kept: int = 0


class Tally:
    """The counting ones of the figures; used in the event loop only."""

    def __init__(self) -> None:
        self.events: Counter[Source] = Counter()
        self.rejected = 0
        self.fetches = 0
        self.failed_fetches = 0
        self.sources_refused = 0

    def by_source(self) -> tuple[tuple[str, int], ...]:
        """Accepted events by source; every source is there, so that metrics do not come and go."""
        return tuple((source.value, self.events[source]) for source in Source)
