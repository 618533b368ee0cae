"""What a server does by itself. At its start: refs are checked. As time passes, in a worker thread
under an identifier's lock: purgatory is cleaned, errands are done."""

from __future__ import annotations

from contextlib import suppress

from reconciler.errors import PeerFault
from reconciler.git.refname import HEADS, NOSTR, is_branch_or_tag
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow.gitdata import Delivery
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task
from reconciler.sandbox.waiting.parked import ParkedPull


def at_start(service: Service) -> None:
    """Where the family checks itself: refs that no stored state authorises go, others are turned
    back as far as their objects are here, in all repositories whose announcement is served. Before
    anybody is, so without locks."""
    if not service.family.states.start_check:
        return
    stored = service.store.events(Filter(kinds=(kinds.ANNOUNCEMENT,)), now=service.clock())
    for event in stored:
        coordinate = Coordinate(event.pubkey, event.first("d") or "")
        if service.repos.exists(coordinate):
            _check(service, coordinate)


def _check(service: Service, coordinate: Coordinate) -> None:
    delivery = Delivery(service, coordinate.identifier)
    if delivery.standing.governing(coordinate.owner):
        delivery.follow(coordinate)
        return
    names = filter(is_branch_or_tag, delivery.repos.refs(coordinate))
    delivery.repos.update(coordinate, dict.fromkeys(names))


def tidy(service: Service, identifier: str) -> None:
    """Remove what has waited too long: bare repositories of soft-expired announcements, and
    (where the family does so) refs/nostr refs whose event never came.

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
    if service.family.pulls.placeholder_loses_ref:
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
            service.agenda.add(Task.ALIGN, coordinate, service.family.fetches.created_seconds)
        case Task.PRUNE:
            Delivery(service, coordinate.identifier).prune(coordinate)
        case Task.ALIGN:
            Delivery(service, coordinate.identifier).take_from_others(coordinate)
        case Task.RELEASE:
            Delivery(service, coordinate.identifier).release(coordinate)
        case Task.CLEAN_PULLS:
            _clean_pulls(service, coordinate)


def _clean_pulls(service: Service, coordinate: Coordinate) -> None:
    """khatru: refs/nostr refs go that a branch holds, or whose event is not stored."""
    refs = service.repos.refs(coordinate)
    branches = [oid for name, oid in refs.items() if name.startswith(HEADS)]

    def goes(name: str, oid: str) -> bool:
        return not service.store.has(name.removeprefix(NOSTR)) or any(
            service.repos.is_ancestor(coordinate, oid, tip) for tip in branches
        )

    gone = [n for n, oid in refs.items() if n.startswith(NOSTR) and goes(n, oid)]
    service.repos.update(coordinate, dict.fromkeys(gone))
