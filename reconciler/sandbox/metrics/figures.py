"""What the sync of one server has done and is doing: numbers for /metrics, as a frozen value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from reconciler.sandbox.limits import LABELS

OTHER: Final = "other"


class Source(Enum):
    """How a synced event came."""

    LIVE = "live"
    STARTUP = "startup"
    RECONNECT = "reconnect"
    DAILY = "daily"


Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One moment. `relays_read` counts relays whose announcements were read to the end, `events`
    synced events that were accepted, by source; `fetches` git fetches that brought something,
    `failed_fetches` the others, `oids_fetched` objects that were asked for and came. `throttled` is
    how many wait for a turn, by domain, `in_flight` how many have theirs, `requests` how many had;
    `relays` whether each one is connected, `attempts` how often that was tried and went well.
    `indexed` is the size of the first index, `confirmed` of the second, `rejected_kept` of the
    cache of refusals.
    """

    relays_connected: int = 0
    relays_tracked: int = 0
    relays_read: int = 0
    events: Counts = ()
    events_rejected: int = 0
    batches_pending: int = 0
    confirmed: int = 0
    hunts: int = 0
    hunts_running: int = 0
    fetches: int = 0
    failed_fetches: int = 0
    sources_refused: int = 0
    oids_fetched: int = 0
    throttled: Counts = ()
    in_flight: Counts = ()
    requests: Counts = ()
    relays: Counts = ()
    attempts: tuple[tuple[tuple[str, bool], int], ...] = ()
    indexed: int = 0
    rejected_kept: int = 0


class Labels:
    """Names as labels: the first so many by themselves, all later ones as one."""

    def __init__(self, most: int = LABELS) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        """The label of a name; always the same one."""
        if len(self._known) < self._most:
            self._known.add(name)
        return name if name in self._known else OTHER

    def counts(self, numbers: Mapping[str, int]) -> Counts:
        """Numbers by label, sorted; what shares a label is added up."""
        found: Counter[str] = Counter()
        for name, number in numbers.items():
            found[self.of(name)] += number
        return tuple(sorted(found.items()))


class Tally:
    """The counting ones of the figures; used in the event loop only."""

    def __init__(self) -> None:
        self.events: Counter[Source] = Counter()
        self.rejected = 0
        self.fetches = 0
        self.failed_fetches = 0
        self.sources_refused = 0
        self.oids_fetched = 0
        self.domains = Labels()
        self.relays = Labels()
        self.requests: Counter[str] = Counter()
        self.attempts: Counter[tuple[str, bool]] = Counter()

    def requested(self, domain: str) -> None:
        """A git server was asked."""
        self.requests[self.domains.of(domain)] += 1

    def attempted(self, relay: str, *, connected: bool) -> None:
        """A connection to a relay was tried."""
        self.attempts[self.relays.of(relay), connected] += 1

    def by_source(self) -> Counts:
        """Accepted events by source; every source is there, so that metrics do not come and go."""
        return tuple((source.value, self.events[source]) for source in Source)
