"""One server's parts, joined: what the event path and the git path share. No sockets here.

Everything below is blocking and runs in worker threads; what touches a repository or purgatory
runs under its identifier's lock, which the asynchronous side (`runtime`) holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import PeerFault
from reconciler.nostr import kinds, nip34
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Announcement, Coordinate, State
from reconciler.sandbox.events.store import Added, Store
from reconciler.sandbox.family.rates import Buckets
from reconciler.sandbox.family.rules import Family, Tie
from reconciler.sandbox.metrics.counters import Counters
from reconciler.sandbox.metrics.metrics import Metrics, kind_label
from reconciler.sandbox.policy import reading
from reconciler.sandbox.policy.archive import Archive
from reconciler.sandbox.policy.maintainers import Announced, announced
from reconciler.sandbox.policy.standing import Standing
from reconciler.sandbox.repos import Repos
from reconciler.sandbox.waiting.agenda import Agenda
from reconciler.sandbox.waiting.purgatory import Purgatory


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """What to start. `family` is a preset's name, or a family of one's own. `port` 0 picks a free
    one; `host` is what the server calls itself, whereas 127.0.0.1 is bound always; `grasp=False` is
    a plain index relay.

    `archive` is GRASP-05 and the operator's lists; `rate_limits=False` lifts the family's budgets
    for events and connections, which a plain relay never has. `sync` is GRASP-02; `bootstrap` is a
    relay that it follows whatever is announced.
    """

    name: str
    directory: Path
    family: str | Family = "ngit-grasp"
    grasp: bool = True
    port: int = 0
    archive: Archive = field(default_factory=Archive)
    rate_limits: bool = True
    sync: bool = False
    bootstrap: str = ""
    host: str = "127.0.0.1"

    @property
    def limited(self) -> bool:
        """Do the family's budgets apply?"""
        return self.rate_limits and self.grasp


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of one server. `url` is canonical; `publish` tells live subscribers;
    `crash` ends the server as if it had died."""

    spec: ServerSpec
    url: str
    family: Family
    clock: Callable[[], float]
    store: Store
    repos: Repos
    purgatory: Purgatory
    counters: Counters
    publish: Callable[[Event], None]
    agenda: Agenda
    provisions: Buckets
    metrics: Metrics
    crash: Callable[[], None]

    def standing(self, identifier: str) -> Standing:
        """What holds for this identifier. Read it once, under its lock, and pass it on."""
        return Standing(
            self.family.states,
            self.announced(identifier),
            self._stored_states(identifier),
            self.purgatory.states(identifier),
        )

    def announced(self, identifier: str) -> Announced:
        """Who announced this identifier, in the store or in purgatory."""
        parked = (e.announcement for e in self.purgatory.announcements(identifier))
        stored = _readable(self._addressed(kinds.ANNOUNCEMENT, identifier))
        rules, known = self.family.states, (*stored, *parked)
        return announced(identifier, known, roles=rules.roles, all_tags=rules.all_maintainers)

    def read_state(self, event: Event) -> State:
        """A state by the family's rules. Raises PeerFault."""
        return reading.state(self.family.states, event)

    def stored_event(self, event_id: str) -> Event | None:
        """A served event by its id."""
        return next(iter(self.store.events(Filter(ids=(event_id,)), now=self.clock())), None)

    def save(self, event: Event) -> Added:
        """Store an event and tell subscribers, if it is new."""
        added = self.store.add(event)
        if added is Added.STORED:
            self.counters.bump("events_stored")
            self.metrics.events_stored.labels(kind_label(event.kind)).inc()
            self.publish(event)
        return added

    def hosted(self, found: Announced) -> tuple[Coordinate, ...]:
        """The announced repositories that have a bare repository here."""
        return self.repos.existing(found.repositories)

    def _stored_states(self, identifier: str) -> tuple[State, ...]:
        """The states of this identifier that are served, one an author; where the last one wins
        a tie, in the order of their arrival."""
        events = self._addressed(kinds.STATE, identifier)
        return reading.states(self.family.states, events)

    def _addressed(self, kind: int, identifier: str) -> tuple[Event, ...]:
        wanted = Filter(kinds=(kind,), tags=(("d", (identifier,)),))
        arrival = self.family.states.tie is Tie.LAST
        events = self.store.events(wanted, now=self.clock(), by_arrival=arrival)
        return tuple(e for e in events if e.first("d") == identifier)


def _readable(events: tuple[Event, ...]) -> tuple[Announcement, ...]:
    """Announcements that name a repository: some families store others too."""
    found = []
    for event in events:
        try:
            found.append(nip34.announcement(event))
        except PeerFault:
            continue
    return tuple(found)
