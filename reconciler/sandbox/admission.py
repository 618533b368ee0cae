"""From a verified event to the relay's OK: policy asked, then stored, parked or refused.

Blocking; runs in a worker thread under the locks of the identifiers that `identifiers` names.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.nostr import kinds, nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate
from reconciler.sandbox import acceptance, gitdata
from reconciler.sandbox.service import Service
from reconciler.sandbox.store import Added, own_addresses


@dataclass(frozen=True, slots=True)
class Answer:
    """The last two items of an OK message (NIP-01)."""

    accepted: bool
    message: str = ""


def identifiers(service: Service, event: Event) -> frozenset[str]:
    """The repositories whose locks an event needs; none for most kinds."""
    if not service.spec.grasp:
        return frozenset()
    if event.kind in (kinds.ANNOUNCEMENT, kinds.STATE):
        return frozenset({event.first("d") or ""})
    if event.kind in kinds.PULLS:
        return frozenset({_pull_identifier(event)})
    if event.kind == kinds.DELETION:
        named = {d for _, _, d in own_addresses(event)}
        return service.purgatory.identifiers_of(frozenset(event.values("e"))) | named
    return frozenset()


def receive(service: Service, event: Event) -> Answer:
    """Judge an event and do what follows; the answer is what the client is told."""
    if service.store.has(event.id):
        return Answer(True, acceptance.STORED_TWICE)
    if service.store.is_deleted(event):
        return Answer(False, acceptance.DELETED)
    if reason := acceptance.unfit(event, now=service.clock()):
        return Answer(False, reason)
    if not service.spec.grasp:
        return _deletion(service, event) if event.kind == kinds.DELETION else _keep(service, event)
    if event.kind == kinds.ANNOUNCEMENT:
        return _announcement(service, event)
    if event.kind == kinds.STATE:
        return _state(service, event)
    if reason := acceptance.other_refusal(event, service.store):
        return Answer(False, reason)
    if event.kind in kinds.PULLS:
        return _pull(service, event)
    if event.kind == kinds.DELETION:
        return _deletion(service, event)
    return _keep(service, event)


def _keep(service: Service, event: Event) -> Answer:
    """Store it, or only pass it on when its kind is ephemeral (NIP-01)."""
    if kinds.is_ephemeral(event.kind):
        service.publish(event)
        return Answer(True)
    return _told(service, service.save(event))


def _told(service: Service, added: Added) -> Answer:
    """The answer to what the store did."""
    match added:
        case Added.STORED:
            return Answer(True)
        case Added.DUPLICATE:
            return Answer(True, acceptance.STORED_TWICE)
        case Added.OLDER:
            return Answer(*service.dialect.older)
        case Added.DELETED:
            return Answer(False, acceptance.DELETED)


def _announcement(service: Service, event: Event) -> Answer:
    try:
        announcement = nip34.announcement(event)
    except PeerFault as fault:
        return Answer(False, f"Invalid identifier: {fault}")
    coordinate = announcement.coordinate
    found = service.announced(coordinate.identifier)
    dialect = service.dialect
    invited = found.invites(event.pubkey, own_counts=dialect.own_announcement_invites)
    reason = acceptance.announcement_refusal(dialect, announcement, service.url, invited=invited)
    if reason:
        _withdraw_older(service, announcement)
        return Answer(False, reason)
    if not acceptance.lists_service(dialect, announcement, service.url):
        return _keep(service, event)
    if service.store.has_address(kinds.ANNOUNCEMENT, coordinate.owner, coordinate.identifier):
        service.repos.ensure(coordinate)
        return _keep(service, event)
    return _park_announcement(service, announcement)


def _park_announcement(service: Service, announcement: Announcement) -> Answer:
    parked = service.purgatory.announcement(announcement.coordinate)
    newer = parked and parked.announcement.event.created_at > announcement.event.created_at
    if newer and service.dialect.parked_keeps_newest:
        return Answer(True, "duplicate: a newer version is in purgatory")
    service.repos.ensure(announcement.coordinate)
    service.purgatory.park_announcement(announcement)
    return Answer(True, acceptance.PARKED)


def _state(service: Service, event: Event) -> Answer:
    if service.purgatory.has_state(event.id):
        return Answer(True, acceptance.PARKED_TWICE)
    try:
        state = nip34.state(event)
    except PeerFault as fault:
        return Answer(False, f"invalid: {fault}")
    found = service.announced(state.identifier)
    if not found.by_owner:
        return Answer(False, acceptance.NO_ANNOUNCEMENT)
    owners = found.owners_for(event.pubkey)
    if not owners:
        return Answer(False, acceptance.NOT_AUTHORISED)
    for owner in owners:
        revive(service, Coordinate(owner, state.identifier))
    added = gitdata.apply_state(service, state)
    if added is not None:
        return _told(service, added)
    service.purgatory.park_state(state)
    return Answer(True, acceptance.PARKED)


def _pull(service: Service, event: Event) -> Answer:
    entry = service.purgatory.pull(event.id)
    if entry and entry.event:
        return Answer(True, acceptance.PARKED_TWICE)
    commit = nip34.pull_tip(event)
    if commit is None:
        text = f"Failed to check git data: PR event {event.id} has no 'c' tag"
        return Answer(False, text)
    identifier = _pull_identifier(event)
    if gitdata.apply_pull(service, event, commit, identifier):
        return Answer(True)
    service.purgatory.park_pull(event, commit, identifier)
    text = f"purgatory: PR event stored, waiting for git push with commit {commit}"
    return Answer(True, text)


def _deletion(service: Service, event: Event) -> Answer:
    authors = {service.store.author_of(i) for i in event.values("e")} - {None}
    if service.dialect.foreign_deletion_refused and authors - {event.pubkey}:
        return Answer(False, "error: unknown")
    addresses = own_addresses(event)
    ids = frozenset(event.values("e"))
    gone = service.purgatory.withdraw(event.pubkey, ids, addresses, event.created_at)
    for coordinate in gone:
        service.repos.remove(coordinate)
    service.store.delete(event)
    return _keep(service, event)


def revive(service: Service, coordinate: Coordinate) -> None:
    """Give a waiting announcement 30 minutes more, and its bare repository back if it is gone."""
    if service.purgatory.announcement(coordinate):
        service.purgatory.extend_announcement(coordinate)
        service.repos.ensure(coordinate)


def _withdraw_older(service: Service, announcement: Announcement) -> None:
    """The owner's newer announcement leaves this service out: what waited here goes."""
    parked = service.purgatory.announcement(announcement.coordinate)
    if parked and announcement.event.created_at > parked.announcement.event.created_at:
        service.purgatory.drop_announcement(announcement.coordinate)
        service.repos.remove(announcement.coordinate)


def _pull_identifier(event: Event) -> str:
    """The identifier in the first repository address that a pull request tags."""
    found = (nip34.parse_coordinate(value) for value in event.values("a"))
    return next((c.identifier for c in found if c), "")
