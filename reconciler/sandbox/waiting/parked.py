"""What waits in purgatory, as values, and for how long (GRASP-01). Times are in seconds.

`to_json` gives what a file keeps; `from_json` reads it, verifies events again, and adds `downtime`
to the time: it raises PeerFault, KeyError or TypeError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.nostr import nip34
from reconciler.nostr.event import Event, verify
from reconciler.nostr.nip34 import Announcement, Coordinate, State
from reconciler.nostr.strictjson import Json
from reconciler.sandbox.limits import PARKED, PARKED_ANNOUNCEMENTS, PARKED_EACH, PARKED_EXPIRED

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

ReadState = Callable[[Event], State]
"""A state by the family's rules. Raises PeerFault."""

ANNOUNCEMENTS: Final = "announcements"
STATES: Final = "states"
PULLS: Final = "pulls"
"""The names of the shelves, in every file."""


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

    def to_json(self) -> Json:
        """As plain values."""
        event = self.announcement.signed.to_json()
        return {"event": event, "expires": self.expires, "soft": self.soft}

    @classmethod
    def from_json(cls, raw: Json, downtime: float) -> ParkedAnnouncement:
        """Read one."""
        read = nip34.announcement(verify(raw["event"]))
        return cls(read, raw["expires"] + downtime, raw["soft"])


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

    def to_json(self) -> Json:
        """As plain values."""
        return {"event": self.state.signed.to_json(), "expires": self.expires}

    @classmethod
    def from_json(cls, raw: Json, downtime: float, read: ReadState) -> ParkedState:
        """Read one, the state as the family does."""
        return cls(read(verify(raw["event"])), raw["expires"] + downtime)


@dataclass(frozen=True, slots=True, kw_only=True)
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

    def to_json(self) -> Json:
        """As plain values."""
        return {
            "event_id": self.event_id,
            "commit": self.commit,
            "identifier": self.identifier,
            "expires": self.expires,
            "event": self.event.to_json() if self.event else None,
            "owner": self.owner,
        }

    @classmethod
    def from_json(cls, raw: Json, downtime: float) -> ParkedPull:
        """Read one."""
        return cls(
            event_id=raw["event_id"],
            commit=raw["commit"],
            identifier=raw["identifier"],
            expires=raw["expires"] + downtime,
            event=verify(raw["event"]) if raw["event"] else None,
            owner=raw["owner"],
        )


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
