"""What was accepted and is not served yet, because its git data has not arrived (GRASP-01).

Three shelves: announcements by coordinate; states by event id, several of one identifier at a time,
bound to refs only when a push comes; pull requests by event id, where either half may come first.

    what happens          to an announcement                    to a state or a pull request
    it comes              waits 30 minutes                      waits 30 minutes
    a push concerns it    30 minutes at least, also when soft   15 minutes at least
    its time is over      soft: its bare repository goes        gone, its id remembered
    24 hours soft         gone, its id remembered
    too many wait         gone with its repository, the oldest  gone, the oldest first
    its git data comes, or its author deletes it: gone

An id is remembered so that the sync does not bring it in again and again; a client may.
Values and an injected clock: files, repositories and events served are somebody else's.

Whoever changes entries holds the identifier's lock; the inner lock only keeps the shelves whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from reconciler.nostr import kinds
from reconciler.nostr.addresses import Address
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.nip34 import Announcement, Coordinate, State
from reconciler.sandbox.waiting.parked import (
    ANNOUNCEMENTS,
    BOUNDS,
    EXPIRY_SECONDS,
    EXTENSION_SECONDS,
    PULLS,
    SOFT_SECONDS,
    STATES,
    Bounds,
    Everything,
    Expired,
    ParkedAnnouncement,
    ParkedPull,
    ParkedState,
)
from reconciler.sandbox.waiting.shelf import NewShelf, Remembered, Shelf, in_memory


class Purgatory:
    """Everything that waits on one server. An expired entry is as good as gone."""

    def __init__(
        self,
        clock: Callable[[], float],
        parked: Callable[[str], None] = lambda _: None,
        bounds: Bounds = BOUNDS,
        new_shelf: NewShelf | None = None,
    ) -> None:
        """`parked` is told the identifier of everything that begins to wait. Without `new_shelf`
        all is lost with the process."""
        self._clock = clock
        self._parked = parked
        self._lock = threading.RLock()
        shelf, most, each = new_shelf or in_memory(clock), bounds.most, bounds.each
        self._announcements: Shelf[Coordinate, ParkedAnnouncement] = shelf(
            ANNOUNCEMENTS, most=most, each=bounds.announcements
        )
        self._states: Shelf[str, ParkedState] = shelf(STATES, most=most, each=each)
        self._pulls: Shelf[str, ParkedPull] = shelf(PULLS, most=most, each=each)
        self._expired = Remembered(bounds.expired)

    # --- announcements ---

    def park_announcement(self, announcement: Announcement) -> None:
        """Hold an announcement, in place of an earlier one; its 30 minutes start now."""
        entry = ParkedAnnouncement(announcement, self._clock() + EXPIRY_SECONDS)
        with self._lock:
            self._expired.discard(announcement.event.id)
            self._announcements.put(announcement.coordinate, entry)
        self._parked(entry.identifier)

    def announcement(self, coordinate: Coordinate) -> ParkedAnnouncement | None:
        """The entry of this repository, soft or not."""
        with self._lock:
            return self._announcements.get(coordinate)

    def announcements(self, identifier: str) -> tuple[ParkedAnnouncement, ...]:
        """All entries of one identifier, soft ones too."""
        with self._lock:
            return self._announcements.of(identifier)

    def extend_announcement(self, coordinate: Coordinate) -> None:
        """Leave it at least 30 minutes, and end its soft expiry."""
        expires = self._clock() + EXPIRY_SECONDS
        with self._lock:
            if entry := self._announcements.get(coordinate):
                least = expires if entry.soft else max(entry.expires, expires)
                kept = replace(entry, expires=least, soft=False)
                self._announcements.put(coordinate, kept)  # it is the last to make room

    def drop_announcement(self, coordinate: Coordinate) -> None:
        """Forget it: released, deleted or withdrawn."""
        with self._lock:
            self._announcements.drop(coordinate)

    # --- states ---

    def park_state(self, state: State) -> None:
        """Hold a state beside others of its identifier."""
        entry = ParkedState(state, self._clock() + EXPIRY_SECONDS)
        with self._lock:
            self._expired.discard(state.event.id)
            self._states.put(state.event.id, entry)
        self._parked(state.identifier)

    def states(self, identifier: str) -> tuple[State, ...]:
        """The waiting states of one identifier, oldest first."""
        with self._lock:
            found = [entry.state for entry in self._states.of(identifier)]
        return tuple(sorted(found, key=lambda s: newest_first(s.event), reverse=True))

    def has_state(self, event_id: str) -> bool:
        """Does this state wait here?"""
        with self._lock:
            return self._states.get(event_id) is not None

    def extend_states(self, identifier: str) -> None:
        """Leave the identifier's states at least 15 minutes: a push has begun."""
        least = self._clock() + EXTENSION_SECONDS
        with self._lock:
            for entry in self._states.of(identifier):
                kept = replace(entry, expires=max(entry.expires, least))
                self._states.update(entry.state.event.id, kept)

    def drop_state(self, event_id: str) -> None:
        """Forget it: released or deleted."""
        with self._lock:
            self._states.drop(event_id)

    # --- pull requests ---

    def park_pull(self, event: Event, commit: str, identifier: str) -> None:
        """Hold a pull request until its commit comes."""
        expires = self._clock() + EXPIRY_SECONDS
        entry = ParkedPull(
            event_id=event.id, commit=commit, identifier=identifier, expires=expires, event=event
        )
        with self._lock:
            self._expired.discard(event.id)
            self._pulls.put(event.id, entry)
        self._parked(identifier)

    def place(
        self,
        event_id: str,
        commit: str,
        coordinate: Coordinate,
        seconds: float = EXPIRY_SECONDS,
    ) -> None:
        """Remember, for some seconds, a commit that was pushed for an event nobody has seen yet."""
        expires = self._clock() + seconds
        owner, identifier = coordinate.owner, coordinate.identifier
        with self._lock:
            if not self.pull(event_id, waiting=True):
                entry = ParkedPull(
                    event_id=event_id,
                    commit=commit,
                    identifier=identifier,
                    expires=expires,
                    event=None,
                    owner=owner,
                )
                self._pulls.put(event_id, entry)

    def pull(self, event_id: str, *, waiting: bool = False) -> ParkedPull | None:
        """The entry of an event id; with `waiting`, only when it holds the event itself."""
        with self._lock:
            entry = self._pulls.get(event_id)
        return None if entry is None or (waiting and entry.event is None) else entry

    def pulls(self, identifier: str) -> tuple[ParkedPull, ...]:
        """The waiting pull requests of one identifier (no placeholders), oldest first."""
        with self._lock:
            found = [(e.event, e) for e in self._pulls.of(identifier) if e.event]
        return tuple(e for _, e in sorted(found, key=lambda pair: (pair[0].created_at, pair[0].id)))

    def extend_pull(self, event_id: str) -> None:
        """Leave it at least 15 minutes: its push has begun."""
        least = self._clock() + EXTENSION_SECONDS
        with self._lock:
            if entry := self._pulls.get(event_id):
                self._pulls.update(event_id, replace(entry, expires=max(entry.expires, least)))

    def drop_pull(self, event_id: str) -> None:
        """Forget it: both halves met, or it was deleted."""
        with self._lock:
            self._pulls.drop(event_id)

    # --- deletion (NIP-09) ---

    def identifiers_of(self, event_ids: frozenset[str]) -> frozenset[str]:
        """The identifiers that these waiting events belong to."""
        with self._lock:
            found = {
                e.identifier
                for e in self._announcements.all()
                if e.announcement.event.id in event_ids
            }
            waiting = (shelf.get(i) for i in event_ids for shelf in (self._states, self._pulls))
            return frozenset(found | {entry.identifier for entry in waiting if entry})

    def withdraw(
        self, author: str, event_ids: frozenset[str], addresses: tuple[Address, ...], until: int
    ) -> tuple[Coordinate, ...]:
        """Carry out a deletion (NIP-09): the author's own entries, by id, or by address up to
        the second `until`. Returns the repositories whose announcement went."""

        def hit(event: Event, address: Address | None) -> bool:
            by_address = address in addresses and event.created_at <= until
            return event.pubkey == author and (event.id in event_ids or by_address)

        with self._lock:
            gone = tuple(
                e.announcement.coordinate
                for e in self._announcements.all()
                if hit(e.announcement.signed, Address(kinds.ANNOUNCEMENT, author, e.identifier))
            )
            for coordinate in gone:
                self._announcements.drop(coordinate)
            for state in self._states.all():
                if hit(state.state.signed, Address(kinds.STATE, author, state.identifier)):
                    self._states.drop(state.state.event.id)
            for pull in self._pulls.all():
                if pull.event and hit(pull.event, None):
                    self._pulls.drop(pull.event_id)
        return gone

    # --- time and persistence ---

    def is_due(self) -> bool:
        """Has anything expired since the last clean-up?"""
        return bool(self.overdue())

    def overdue(self) -> frozenset[str]:
        """The identifiers with something expired: their locks are needed for `clean`."""
        with self._lock:
            shelves = (self._announcements, self._states, self._pulls)
            return frozenset[str]().union(*(shelf.overdue() for shelf in shelves))

    def has_expired(self, event_id: str) -> bool:
        """Did this event wait here for its whole time, and has not begun to wait again?"""
        with self._lock:
            return event_id in self._expired

    def clean(self, identifier: str) -> Expired:
        """Take out what has expired, or had to make room; announcements that expire go soft first
        and are dropped 24 h later."""
        with self._lock:
            softened = self._soften(identifier)
            states = self._states.take_expired(identifier)
            pulls = self._pulls.take_expired(identifier)
            # What only had to make room did not expire, and may come in by sync once more.
            ids = [e.state.event.id for e in states if not self._states.lives(e)]
            ids += [e.event_id for e in pulls if e.event and not self._pulls.lives(e)]
            for event_id in ids:
                self._expired.add(event_id)
        return Expired(softened, tuple(e for e in pulls if e.event is None))

    def _soften(self, identifier: str) -> tuple[Coordinate, ...]:
        """The announcements that lose their bare repository. A soft one keeps its place, so that
        it makes room before those that have one."""
        lives = self._announcements.lives

        def soft(entry: ParkedAnnouncement) -> ParkedAnnouncement | None:
            if entry.soft or lives(entry):
                return None
            found = replace(entry, expires=entry.expires + SOFT_SECONDS, soft=True)
            return found if lives(found) else None

        gone = self._announcements.take_expired(identifier, soft)
        for entry in gone:
            if not lives(entry) and not soft(entry):
                self._expired.add(entry.announcement.event.id)
        return tuple(e.announcement.coordinate for e in gone if not e.soft)

    def everything(self) -> Everything:
        """All entries, as values: what a clean stop writes down."""
        with self._lock:
            return Everything(self._announcements.all(), self._states.all(), self._pulls.all())

    def restore(self, kept: Everything) -> None:
        """Hold exactly what `everything` gave; expiry times are taken as they stand."""
        with self._lock:
            self._expired.clear()
            self._announcements.fill((e.announcement.coordinate, e) for e in kept.announcements)
            self._states.fill((e.state.event.id, e) for e in kept.states)
            self._pulls.fill((e.event_id, e) for e in kept.pulls)
