"""Purgatory across a clean stop: one JSON file, read and removed at the next start.

The file is gone while the server runs, so a kill loses purgatory, as a crash of the real one does.
Downtime is added to every expiry time. Events are verified again when they are read.
"""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import PeerFault
from reconciler.nostr import nip34
from reconciler.nostr.event import verify
from reconciler.nostr.strictjson import Json, dumps, loads
from reconciler.sandbox.storage.parked import (
    Everything,
    ParkedAnnouncement,
    ParkedPull,
    ParkedState,
)
from reconciler.sandbox.storage.purgatory import Purgatory
from reconciler.sandbox.storage.repos import Repos


def save(purgatory: Purgatory, path: Path, *, now: float) -> None:
    """Write everything that waits."""
    held = purgatory.everything()
    document = {
        "saved_at": now,
        "announcements": [
            {"event": e.announcement.event.to_json(), "expires": e.expires, "soft": e.soft}
            for e in held.announcements
        ],
        "states": [{"event": e.state.event.to_json(), "expires": e.expires} for e in held.states],
        "pulls": [_pull_json(e) for e in held.pulls],
    }
    path.write_text(dumps(document), encoding="utf-8")


def load(purgatory: Purgatory, repos: Repos, path: Path, *, now: float) -> None:
    """Take back what `save` wrote, and remove the file. Announcements whose bare repository has
    vanished are skipped, soft-expired ones apart. A damaged file counts as none."""
    if not path.is_file():
        return
    text = path.read_bytes()
    path.unlink()
    try:
        document = loads(text, depth=10, floats=True)
        downtime = max(0.0, now - document["saved_at"])
        announcements = tuple(_announcement(raw, downtime) for raw in document["announcements"])
        states = tuple(_state(raw, downtime) for raw in document["states"])
        pulls = tuple(_pull(raw, downtime) for raw in document["pulls"])
    except (PeerFault, KeyError, TypeError):
        return
    kept = tuple(e for e in announcements if e.soft or repos.exists(e.announcement.coordinate))
    purgatory.restore(Everything(kept, states, pulls))


def _pull_json(entry: ParkedPull) -> Json:
    return {
        "event_id": entry.event_id,
        "commit": entry.commit,
        "identifier": entry.identifier,
        "expires": entry.expires,
        "event": entry.event.to_json() if entry.event else None,
        "owner": entry.owner,
    }


def _announcement(raw: Json, downtime: float) -> ParkedAnnouncement:
    announcement = nip34.announcement(verify(raw["event"]))
    return ParkedAnnouncement(announcement, raw["expires"] + downtime, raw["soft"])


def _state(raw: Json, downtime: float) -> ParkedState:
    return ParkedState(nip34.state(verify(raw["event"])), raw["expires"] + downtime)


def _pull(raw: Json, downtime: float) -> ParkedPull:
    return ParkedPull(
        raw["event_id"],
        raw["commit"],
        raw["identifier"],
        raw["expires"] + downtime,
        verify(raw["event"]) if raw["event"] else None,
        raw["owner"],
    )
