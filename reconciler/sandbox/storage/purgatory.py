"""What was accepted and is not served yet, because its git data has not arrived (GRASP-01).

Three stores: announcements by coordinate; states by identifier, several at a time, bound to refs
only when a push comes; pull requests by event id, where either half may come first. Values and an
injected clock: files, repositories and events served are somebody else's. Times are in seconds.

Whoever changes entries holds the identifier's lock; the inner lock only keeps the dicts whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from reconciler.nostr import kinds
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.nip34 import Announcement, Coordinate, State

EXPIRY_SECONDS: Final = 1800.0
"""How long an entry waits (GRASP-01: 30 minutes)."""
EXTENSION_SECONDS: Final = 900.0
"""What a push leaves at least to the states and pull requests that it concerns."""
SOFT_SECONDS: Final = 86_400.0
"""How long an announcement is kept after its bare repository went."""


Address = tuple[int, str, str]
"""Kind, pubkey and `d` of an addressable event."""


@dataclass(frozen=True, slots=True)
class ParkedAnnouncement:
    """`soft` once its bare repository was removed; it can be revived until `expires`."""

    announcement: Announcement
    expires: float
    soft: bool = False


@dataclass(frozen=True, slots=True)
class ParkedState:
    """A state whose objects are not all here."""

    state: State
    expires: float


@dataclass(frozen=True, slots=True)
class ParkedPull:
    """A pull request without its commit, or (event is None) a commit without its pull request.

    `owner` is whose repository was pushed to; empty for an event.
    """

    event_id: str
    commit: str
    identifier: str
    expires: float
    event: Event | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Expired:
    """What a clean-up took out: coordinates whose bare repository must go, and placeholders."""

    softened: tuple[Coordinate, ...]
    placeholders: tuple[ParkedPull, ...]


class Purgatory:
    """Everything that waits on one server. An expired entry is as good as gone."""

    def __init__(
        self, clock: Callable[[], float], parked: Callable[[str], None] = lambda _: None
    ) -> None:
        """`parked` is told the identifier of everything that begins to wait."""
        self._clock = clock
        self._parked = parked
        self._lock = threading.RLock()
        self._announcements: dict[Coordinate, ParkedAnnouncement] = {}
        self._states: dict[str, ParkedState] = {}
        self._pulls: dict[str, ParkedPull] = {}

    # --- announcements ---

    def park_announcement(self, announcement: Announcement) -> None:
        """Hold an announcement, in place of an earlier one; its 30 minutes start now."""
        with self._lock:
            entry = ParkedAnnouncement(announcement, self._clock() + EXPIRY_SECONDS)
            self._announcements[announcement.coordinate] = entry
        self._parked(announcement.coordinate.identifier)

    def announcement(self, coordinate: Coordinate) -> ParkedAnnouncement | None:
        """The entry of this repository, soft or not."""
        with self._lock:
            entry = self._announcements.get(coordinate)
            return entry if entry and self._lives(entry) else None

    def announcements(self, identifier: str) -> tuple[ParkedAnnouncement, ...]:
        """All entries of one identifier, soft ones too."""
        with self._lock:
            return tuple(
                e
                for c, e in self._announcements.items()
                if c.identifier == identifier and self._lives(e)
            )

    def extend_announcement(self, coordinate: Coordinate) -> None:
        """Leave it at least 30 minutes, and end its soft expiry."""
        with self._lock:
            if entry := self.announcement(coordinate):
                expires = self._clock() + EXPIRY_SECONDS
                if not entry.soft:
                    expires = max(entry.expires, expires)
                self._announcements[coordinate] = replace(entry, expires=expires, soft=False)

    def drop_announcement(self, coordinate: Coordinate) -> None:
        """Forget it: released, deleted or withdrawn."""
        with self._lock:
            self._announcements.pop(coordinate, None)

    # --- states ---

    def park_state(self, state: State) -> None:
        """Hold a state beside others of its identifier."""
        with self._lock:
            self._states[state.event.id] = ParkedState(state, self._clock() + EXPIRY_SECONDS)
        self._parked(state.identifier)

    def states(self, identifier: str) -> tuple[State, ...]:
        """The waiting states of one identifier, oldest first."""
        with self._lock:
            found = [
                e.state
                for e in self._states.values()
                if e.state.identifier == identifier and self._lives(e)
            ]
        return tuple(sorted(found, key=lambda s: newest_first(s.event), reverse=True))

    def has_state(self, event_id: str) -> bool:
        """Does this state wait here?"""
        with self._lock:
            entry = self._states.get(event_id)
            return entry is not None and self._lives(entry)

    def extend_states(self, identifier: str) -> None:
        """Leave the identifier's states at least 15 minutes: a push has begun."""
        least = self._clock() + EXTENSION_SECONDS
        with self._lock:
            for key, entry in self._states.items():
                if entry.state.identifier == identifier and self._lives(entry):
                    self._states[key] = replace(entry, expires=max(entry.expires, least))

    def drop_state(self, event_id: str) -> None:
        """Forget it: released or deleted."""
        with self._lock:
            self._states.pop(event_id, None)

    # --- pull requests ---

    def park_pull(self, event: Event, commit: str, identifier: str) -> None:
        """Hold a pull request until its commit comes."""
        expires = self._clock() + EXPIRY_SECONDS
        with self._lock:
            self._pulls[event.id] = ParkedPull(event.id, commit, identifier, expires, event)
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
                entry = ParkedPull(event_id, commit, identifier, expires, None, owner)
                self._pulls[event_id] = entry

    def pull(self, event_id: str, *, waiting: bool = False) -> ParkedPull | None:
        """The entry of an event id; with `waiting`, only when it holds the event itself."""
        with self._lock:
            entry = self._pulls.get(event_id)
            if entry is None or not self._lives(entry) or (waiting and entry.event is None):
                return None
            return entry

    def pulls(self, identifier: str) -> tuple[ParkedPull, ...]:
        """The waiting pull requests of one identifier (no placeholders), oldest first."""
        with self._lock:
            found = [
                (e.event.created_at, e.event_id, e)
                for e in self._pulls.values()
                if e.event and e.identifier == identifier and self._lives(e)
            ]
        return tuple(e for _, _, e in sorted(found, key=lambda t: t[:2]))

    def extend_pull(self, event_id: str) -> None:
        """Leave it at least 15 minutes: its push has begun."""
        with self._lock:
            if entry := self.pull(event_id):
                expires = max(entry.expires, self._clock() + EXTENSION_SECONDS)
                self._pulls[event_id] = replace(entry, expires=expires)

    def drop_pull(self, event_id: str) -> None:
        """Forget it: both halves met, or it was deleted."""
        with self._lock:
            self._pulls.pop(event_id, None)

    # --- time and persistence ---

    def is_due(self) -> bool:
        """Has anything expired since the last clean-up?"""
        with self._lock:
            stores = (self._announcements, self._states, self._pulls)
            return not all(self._lives(e) for store in stores for e in store.values())

    def overdue(self) -> frozenset[str]:
        """The identifiers with something expired: their locks are needed for `clean`."""
        with self._lock:
            names = {c.identifier for c, e in self._announcements.items() if not self._lives(e)}
            names |= {e.state.identifier for e in self._states.values() if not self._lives(e)}
            return frozenset(
                names | {e.identifier for e in self._pulls.values() if not self._lives(e)}
            )

    def identifiers_of(self, event_ids: frozenset[str]) -> frozenset[str]:
        """The identifiers that these waiting events belong to."""
        with self._lock:
            found = {
                c.identifier
                for c, e in self._announcements.items()
                if e.announcement.event.id in event_ids
            }
            found |= {self._states[i].state.identifier for i in event_ids & self._states.keys()}
            return frozenset(
                found | {self._pulls[i].identifier for i in event_ids & self._pulls.keys()}
            )

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
                c
                for c, e in self._announcements.items()
                if hit(e.announcement.event, (kinds.ANNOUNCEMENT, c.owner, c.identifier))
            )
            for coordinate in gone:
                del self._announcements[coordinate]
            for entry in tuple(self._states.values()):
                event = entry.state.event
                if hit(event, (kinds.STATE, event.pubkey, entry.state.identifier)):
                    del self._states[event.id]
            for pull in tuple(self._pulls.values()):
                if pull.event and hit(pull.event, None):
                    del self._pulls[pull.event_id]
            return gone

    def clean(self, identifier: str) -> Expired:
        """Take out what has expired; announcements go soft first and are dropped 24 h later."""
        with self._lock:
            softened = []
            for coordinate, entry in list(self._announcements.items()):
                if coordinate.identifier != identifier or self._lives(entry):
                    continue
                soft_end = entry.expires + SOFT_SECONDS
                if entry.soft or soft_end <= self._clock():
                    del self._announcements[coordinate]
                else:
                    kept = replace(entry, expires=soft_end, soft=True)
                    self._announcements[coordinate] = kept
                if not entry.soft:
                    softened.append(coordinate)
            self._states = {
                k: e
                for k, e in self._states.items()
                if e.state.identifier != identifier or self._lives(e)
            }
            gone = [
                e for e in self._pulls.values() if e.identifier == identifier and not self._lives(e)
            ]
            for pull in gone:
                del self._pulls[pull.event_id]
            return Expired(tuple(softened), tuple(e for e in gone if e.event is None))

    def entries(
        self,
    ) -> tuple[tuple[ParkedAnnouncement, ...], tuple[ParkedState, ...], tuple[ParkedPull, ...]]:
        """Everything, as values: what a clean stop writes down."""
        with self._lock:
            return (
                tuple(self._announcements.values()),
                tuple(self._states.values()),
                tuple(self._pulls.values()),
            )

    def restore(
        self,
        announcements: tuple[ParkedAnnouncement, ...],
        states: tuple[ParkedState, ...],
        pulls: tuple[ParkedPull, ...],
    ) -> None:
        """Take back what `entries` gave; expiry times are taken as they stand."""
        with self._lock:
            self._announcements = {e.announcement.coordinate: e for e in announcements}
            self._states = {e.state.event.id: e for e in states}
            self._pulls = {e.event_id: e for e in pulls}

    def _lives(self, entry: ParkedAnnouncement | ParkedState | ParkedPull) -> bool:
        return entry.expires > self._clock()
