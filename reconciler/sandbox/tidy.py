"""Clean-up of one identifier's purgatory; runs in a worker thread under its lock."""

from __future__ import annotations

from reconciler.git.refname import NOSTR
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.service import Service


def tidy(service: Service, identifier: str) -> None:
    """Remove what has waited too long: bare repositories of soft-expired announcements, and
    (where the dialect does so) refs/nostr refs whose event never came."""
    expired = service.purgatory.clean(identifier)
    for coordinate in expired.softened:
        service.repos.remove(coordinate)
    if not service.dialect.expired_placeholder_loses_ref:
        return
    for entry in expired.placeholders:
        coordinate = Coordinate(entry.owner, identifier)
        name = f"{NOSTR}{entry.event_id}"
        if service.repos.refs(coordinate).get(name) == entry.commit:
            service.repos.update(coordinate, {name: None})
