"""What one server has answered so far in one look at the world."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.model.observed import Memory, Refs, ServerView, Unknown
from reconciler.nostr.event import Event
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate


@dataclass(kw_only=True)
class Seat:
    """What one server has answered so far; only its own round writes to it."""

    url: str
    grasp: bool
    witness: bool = False
    info: RelayInfo | None = None
    unknown: Unknown | None = None
    left_out: tuple[tuple[str, int], ...] = ()
    events: dict[str, Event] = field(default_factory=dict)
    listings: dict[Coordinate, Refs] = field(default_factory=dict)

    def view(self, memory: Memory, skew: float | None) -> ServerView:
        """The answers as a value, with what is remembered of this server; `skew` in seconds."""
        return ServerView(
            url=self.url,
            grasp=self.grasp,
            info=self.info,
            unknown=self.unknown,
            served=frozenset(self.events),
            listings=tuple(sorted(self.listings.items())),
            submitted=tuple(
                s
                for s in memory.submissions
                if s.server == self.url and s.event_id not in self.events
            ),
            delegated=tuple(
                sorted(
                    (d.coordinate, (d.since, d.until))
                    for d in memory.delegated
                    if d.server == self.url
                )
            ),
            witness=self.witness,
            left_out=self.left_out,
            skew=skew,
        )


def union(seats: Iterable[Seat]) -> dict[str, Event]:
    """Every event that any of them showed, by id."""
    return {i: event for seat in seats for i, event in seat.events.items()}
