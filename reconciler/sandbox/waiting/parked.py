"""What waits in purgatory, as values, and for how long (GRASP-01). Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.limits import PARKED, PARKED_ANNOUNCEMENTS, PARKED_EACH, PARKED_EXPIRED
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate, State

EXPIRY_SECONDS: Final = 1800.0
"""How long an entry waits (GRASP-01: 30 minutes)."""
EXTENSION_SECONDS: Final = 900.0
"""What a push leaves at least to the states and pull requests that it concerns."""
SOFT_SECONDS: Final = 86_400.0
"""How long an announcement is kept after its bare repository went."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait; of too much the oldest goes. `most`: of one kind; `announcements`: of one
    author; `each`: other entries of one author; `expired`: ids of what expired."""

    most: int = PARKED
    announcements: int = PARKED_ANNOUNCEMENTS
    each: int = PARKED_EACH
    expired: int = PARKED_EXPIRED


BOUNDS: Final = Bounds()


@dataclass(frozen=True, slots=True)
class ParkedAnnouncement:
    """`soft` once its bare repository was removed; it can be revived until `expires`."""

    announcement: Announcement
    expires: float
    soft: bool = False

    @property
    def identifier(self) -> str:
        """That of its repository."""
        return self.announcement.coordinate.identifier

    @property
    def author(self) -> str:
        """Its repository's owner."""
        return self.announcement.coordinate.owner


@dataclass(frozen=True, slots=True)
class ParkedState:
    """A state whose objects are not all here."""

    state: State
    expires: float

    @property
    def identifier(self) -> str:
        """That of its repository."""
        return self.state.identifier

    @property
    def author(self) -> str:
        """Who signed it."""
        return self.state.event.pubkey


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

    @property
    def author(self) -> str:
        """Who signed it; of a commit without event, whose repository it was pushed to."""
        return self.event.pubkey if self.event else self.owner


@dataclass(frozen=True, slots=True)
class Expired:
    """What a clean-up took out: coordinates whose bare repository must go, and placeholders."""

    softened: tuple[Coordinate, ...]
    placeholders: tuple[ParkedPull, ...]


@dataclass(frozen=True, slots=True)
class Everything:
    """All of purgatory, for a clean stop to write down and the next start to read."""

    announcements: tuple[ParkedAnnouncement, ...] = ()
    states: tuple[ParkedState, ...] = ()
    pulls: tuple[ParkedPull, ...] = ()
