"""One server's parts, joined: what the event path and the git path share. No sockets here.

Everything below is blocking and runs in worker threads; what touches a repository or purgatory
runs under its identifier's lock, which the asynchronous side (`runtime`) holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.nostr import kinds, nip34
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Announcement, Coordinate, State
from reconciler.sandbox.counters import Counters
from reconciler.sandbox.dialect import Dialect
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.maintainers import Announced, announced
from reconciler.sandbox.purgatory import Purgatory
from reconciler.sandbox.repos import Repos
from reconciler.sandbox.store import Added, Store


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What to start. `port` 0 picks a free one; `grasp=False` is a plain index relay."""

    name: str
    directory: Path
    dialect: str = "ngit-grasp"
    grasp: bool = True
    port: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one server. `url` is canonical; `publish` tells live subscribers."""

    spec: ServerSpec
    url: str
    dialect: Dialect
    clock: Callable[[], float]
    store: Store
    repos: Repos
    purgatory: Purgatory
    counters: Counters
    faults: Faults
    publish: Callable[[Event], None]

    def announced(self, identifier: str) -> Announced:
        """Who announced this identifier, in the store or in purgatory."""
        parked = (e.announcement for e in self.purgatory.announcements(identifier))
        return announced(identifier, (*self.stored_announcements(identifier), *parked))

    def stored_announcements(self, identifier: str) -> tuple[Announcement, ...]:
        """The announcements of this identifier that are served."""
        return tuple(map(nip34.announcement, self._addressed(kinds.ANNOUNCEMENT, identifier)))

    def stored_states(self, identifier: str) -> tuple[State, ...]:
        """The states of this identifier that are served, one an author."""
        return tuple(map(nip34.state, self._addressed(kinds.STATE, identifier)))

    def stored_event(self, event_id: str) -> Event | None:
        """A served event by its id."""
        return next(iter(self.store.events(Filter(ids=(event_id,)), now=self.clock())), None)

    def save(self, event: Event) -> Added:
        """Store an event and tell subscribers, if it is new."""
        added = self.store.add(event)
        if added is Added.STORED:
            self.counters.bump("events_stored")
            self.publish(event)
        return added

    def hosted(self, found: Announced) -> tuple[Coordinate, ...]:
        """The announced repositories that have a bare repository here."""
        all_of_them = (Coordinate(owner, found.identifier) for owner in sorted(found.by_owner))
        return tuple(filter(self.repos.exists, all_of_them))

    def _addressed(self, kind: int, identifier: str) -> tuple[Event, ...]:
        wanted = Filter(kinds=(kind,), tags=(("d", (identifier,)),))
        events = self.store.events(wanted, now=self.clock())
        return tuple(e for e in events if e.first("d") == identifier)
