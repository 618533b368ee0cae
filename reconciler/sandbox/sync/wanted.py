"""The first index: what we WANT to sync, and from where. Drawn from what this server accepted.

An accepted announcement names the relays that carry its repository; a root event that tags the
repository has answers there, too. An announcement in purgatory counts for its states alone: they
say which git data would release it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr import kinds, nip34, urls
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate
from reconciler.sandbox.sync.needs import Needs

RELAYS: Final = 200
"""Relays that are followed at the same time, those with most repositories first: an announcement
may list 200, and anybody may announce."""


class Wanted:
    """Repositories and root events by relay. `own` is this server's canonical URL."""

    def __init__(self, own: str, bootstrap: str = "") -> None:
        self._own = own
        self._bootstrap = _relays((bootstrap,), own)
        self._announced: dict[Coordinate, frozenset[str]] = {}
        self._parked: dict[Coordinate, frozenset[str]] = {}
        self._roots: dict[str, frozenset[Coordinate]] = {}
        self._by_relay: dict[str, Needs] | None = None

    def __len__(self) -> int:
        return len(self._announced) + len(self._parked) + len(self._roots)

    def add(self, event: Event) -> None:
        """An event was accepted and is served from now on."""
        if event.kind == kinds.ANNOUNCEMENT:
            self._announce(event)
        elif event.kind in kinds.ROOTS:
            tagged = {c for c in map(nip34.parse_coordinate, event.values("a")) if c}
            if tagged:
                self._roots[event.id] = frozenset(tagged)
                self._by_relay = None

    def park(self, announcements: Iterable[Announcement]) -> bool:
        """These announcements wait in purgatory now, and no others. Did that change anything?"""
        parked = {a.coordinate: _relays(a.relays, self._own) for a in announcements}
        changed = parked != self._parked
        if changed:
            self._parked, self._by_relay = parked, None
        return changed

    def rebuild(self, events: Iterable[Event]) -> None:
        """Forget everything but what these served events say."""
        self._announced, self._roots, self._by_relay = {}, {}, None
        for event in events:
            self.add(event)

    def relays(self, *, announced: bool = True) -> frozenset[str]:
        """Canonical URLs of the relays to follow; the bootstrap relay always."""
        if not announced:
            return self._bootstrap
        weight = Counter({relay: len(needs) for relay, needs in self._needs().items()})
        # by weight, then by name, so that the choice is stable when there are too many
        ranked = sorted(weight, key=lambda relay: (-weight[relay], relay))
        return self._bootstrap | frozenset(ranked[:RELAYS])

    def of(self, relay: str) -> Needs:
        """What is wanted of this relay; the same object as long as nothing changes."""
        return self._needs().get(relay, _NOTHING)

    def _announce(self, event: Event) -> None:
        try:
            announcement = nip34.announcement(event)
        except PeerFault:
            return
        self._announced[announcement.coordinate] = _relays(announcement.relays, self._own)
        self._by_relay = None

    def _needs(self) -> dict[str, Needs]:
        if self._by_relay is None:
            self._by_relay = self._computed()
        return self._by_relay

    def _computed(self) -> dict[str, Needs]:
        identifiers: defaultdict[str, set[str]] = defaultdict(set)
        repositories: defaultdict[str, set[str]] = defaultdict(set)
        roots: defaultdict[str, set[str]] = defaultdict(set)
        for coordinate, relays in (*self._announced.items(), *self._parked.items()):
            for relay in relays:
                identifiers[relay].add(coordinate.identifier)
        for coordinate, relays in self._announced.items():
            for relay in relays:
                repositories[relay].add(str(coordinate))
        for event_id, tagged in self._roots.items():
            for relay in {r for c in tagged for r in self._announced.get(c, ())}:
                roots[relay].add(event_id)
        return {
            relay: Needs(frozenset(names), frozenset(repositories[relay]), frozenset(roots[relay]))
            for relay, names in identifiers.items()
        }


_NOTHING: Final = Needs()


def _relays(listed: Iterable[str], own: str) -> frozenset[str]:
    """Canonical URLs; own ones are left out (nobody syncs from himself), unreadable ones too."""
    found = set()
    for url in listed:
        try:
            found.add(urls.canonical(url))
        except PeerFault:
            continue
    return frozenset(found - {own})
