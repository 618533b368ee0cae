"""What time brings for one identifier: purgatory is cleaned, errands are done. Runs in a worker
thread under the identifier's lock."""

from __future__ import annotations

from contextlib import suppress

from reconciler.errors import PeerFault
from reconciler.git.refname import HEADS, NOSTR
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow import gitdata
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task
from reconciler.sandbox.waiting.parked import ParkedPull


def tidy(service: Service, identifier: str) -> None:
    """Remove what has waited too long: bare repositories of soft-expired announcements, and
    (where the dialect does so) refs/nostr refs whose event never came.

    A step that fails (a damaged repository, a full disk) ends alone: this runs for everybody, also
    on the way of requests that have nothing to do with the repository.
    """
    expired = service.purgatory.clean(identifier)
    for coordinate in expired.softened:
        with suppress(PeerFault, OSError):
            service.repos.remove(coordinate)
    for errand in service.agenda.due(identifier):
        with suppress(PeerFault, OSError):
            _do(service, errand.task, errand.coordinate)
        service.agenda.done(errand)
    if service.dialect.pulls.placeholder_loses_ref:
        for entry in expired.placeholders:
            with suppress(PeerFault, OSError):
                _drop_placeholder(service, entry)


def _drop_placeholder(service: Service, entry: ParkedPull) -> None:
    coordinate = Coordinate(entry.owner, entry.identifier)
    name = f"{NOSTR}{entry.event_id}"
    if service.repos.refs(coordinate).get(name) == entry.commit:
        service.repos.update(coordinate, {name: None})


def _do(service: Service, task: Task, coordinate: Coordinate) -> None:
    match task:
        case Task.CREATE:
            service.repos.ensure(coordinate)
            service.agenda.add(Task.ALIGN, coordinate, service.dialect.fetches.created_seconds)
        case Task.PRUNE:
            gitdata.prune(service, coordinate)
        case Task.ALIGN:
            gitdata.take_from_others(service, coordinate)
        case Task.RELEASE:
            gitdata.release(service, coordinate)
        case Task.CLEAN_PULLS:
            _clean_pulls(service, coordinate)


def _clean_pulls(service: Service, coordinate: Coordinate) -> None:
    """khatru: refs/nostr refs go that a branch holds, or whose event is not stored."""
    refs = service.repos.refs(coordinate)
    branches = [oid for name, oid in refs.items() if name.startswith(HEADS)]
    for name, oid in refs.items():
        if not name.startswith(NOSTR):
            continue
        merged = any(service.repos.is_ancestor(coordinate, oid, tip) for tip in branches)
        if merged or not service.store.has(name.removeprefix(NOSTR)):
            service.repos.update(coordinate, {name: None})
