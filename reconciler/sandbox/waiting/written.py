"""What waits, as plain JSON and back. Events are verified again when they are read."""

from __future__ import annotations

from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr import nip34
from reconciler.nostr.event import verify
from reconciler.nostr.strictjson import Json
from reconciler.sandbox.waiting.agenda import ERRANDS, Errand, Task
from reconciler.sandbox.waiting.parked import ParkedAnnouncement, ParkedPull, ParkedState

ANNOUNCEMENTS: Final = "announcements"
STATES: Final = "states"
PULLS: Final = "pulls"
SHELVES: Final = (ANNOUNCEMENTS, STATES, PULLS, ERRANDS)
"""Their names in every file."""


def announcement_json(entry: ParkedAnnouncement) -> Json:
    """An announcement in purgatory."""
    event = entry.announcement.event.to_json()
    return {"event": event, "expires": entry.expires, "soft": entry.soft}


def state_json(entry: ParkedState) -> Json:
    """A state in purgatory."""
    return {"event": entry.state.event.to_json(), "expires": entry.expires}


def pull_json(entry: ParkedPull) -> Json:
    """A pull request in purgatory, or a placeholder."""
    return {
        "event_id": entry.event_id,
        "commit": entry.commit,
        "identifier": entry.identifier,
        "expires": entry.expires,
        "event": entry.event.to_json() if entry.event else None,
        "owner": entry.owner,
    }


def announcement(raw: Json, downtime: float) -> ParkedAnnouncement:
    """Read one; `downtime` is added to its time. Raises PeerFault, KeyError or TypeError."""
    read = nip34.announcement(verify(raw["event"]))
    return ParkedAnnouncement(read, raw["expires"] + downtime, raw["soft"])


def state(raw: Json, downtime: float) -> ParkedState:
    """Read one, as `announcement` does."""
    return ParkedState(nip34.state(verify(raw["event"])), raw["expires"] + downtime)


def pull(raw: Json, downtime: float) -> ParkedPull:
    """Read one, as `announcement` does."""
    return ParkedPull(
        raw["event_id"],
        raw["commit"],
        raw["identifier"],
        raw["expires"] + downtime,
        verify(raw["event"]) if raw["event"] else None,
        raw["owner"],
    )


def errand(raw: Json) -> Errand:
    """Read one; what became due in between is done at once. Raises as `announcement` does."""
    coordinate = nip34.parse_coordinate(raw["coordinate"])
    if coordinate is None:
        raise PeerFault("an errand for no repository")
    return Errand(raw["due"], Task[raw["task"]], coordinate)
