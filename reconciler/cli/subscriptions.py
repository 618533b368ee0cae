"""What a daemon listens to, relay by relay, and which repositories an event is about."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import replace

from reconciler.edge.egress import Egress
from reconciler.edge.live import Live
from reconciler.limits import REQ_TAG_VALUES
from reconciler.model.desired import Desired
from reconciler.model.outcome import Report
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate, parse_coordinate

_TAGS = ("a", "A", "q")


class Subscriptions:
    """One line to each relay of the desired state."""

    def __init__(self, heard: Callable[[Event], None]) -> None:
        self._heard = heard
        self._lines: dict[str, Live] = {}
        self._owners: dict[str, str] = {}
        self._repositories: dict[str, str] = {}
        self._members: dict[tuple[str, str], list[str]] = {}

    def listen(self, desired: Desired, report: Report | None) -> None:
        """Hear of the npubs, and of the repositories and maintainers that the last run knew."""
        self._owners = {npub.pubkey: npub.name for npub in desired.npubs}
        for summary in report.repositories if report else ():
            self._repositories[str(summary.coordinate)] = summary.name
            for member in summary.authority:
                place = (member, summary.coordinate.identifier)
                names = self._members.setdefault(place, [])
                names += [summary.name] if summary.name not in names else []
        networks = tuple(ipaddress.ip_network(n) for n in desired.policies.allow_private)
        wanted = {server.url for server in desired.servers} | set(desired.index_relays)
        for url in self._lines.keys() - wanted:
            self._lines.pop(url).end()
        filters = tuple(self._filters(desired))
        for url in wanted:
            line = self._lines.get(url) or Live(url, Egress(networks), self._heard)
            self._lines[url] = line
            line.listen(filters)

    def names(self, event: Event) -> tuple[str, ...]:
        """The repositories that an event is about, as `--limit` wants them."""
        return tuple(dict.fromkeys(self._named(event)))

    def end(self) -> None:
        """Hear nothing more."""
        for line in self._lines.values():
            line.end()

    def _named(self, event: Event) -> Iterator[str]:
        if event.kind in (kinds.ANNOUNCEMENT, kinds.STATE):
            identifier = event.first("d") or ""
            if event.pubkey in self._owners:
                yield f"{self._owners[event.pubkey]}/{identifier}"
            yield from self._members.get((event.pubkey, identifier), ())
        for tag in _TAGS:
            for value in event.values(tag):
                yield from self._called(parse_coordinate(value))

    def _called(self, coordinate: Coordinate | None) -> Iterator[str]:
        if coordinate and str(coordinate) in self._repositories:
            yield self._repositories[str(coordinate)]

    def _filters(self, desired: Desired) -> Iterator[Filter]:
        """A few: relays refuse many. Chunks are as long as other questions' are."""
        people = sorted({*self._owners, *(member for member, _ in self._members)})
        both = Filter(kinds=(kinds.ANNOUNCEMENT, kinds.STATE))
        for start in range(0, len(people), REQ_TAG_VALUES):
            yield replace(both, authors=tuple(people[start : start + REQ_TAG_VALUES]))
        events = Filter(kinds=desired.policies.event_kinds)
        known = sorted(self._repositories)
        for start in range(0, len(known), REQ_TAG_VALUES):
            chunk = tuple(known[start : start + REQ_TAG_VALUES])
            yield replace(events, tags=(("a", chunk),))
