"""What happens to an announcement (kind 30617): refused, stored, hosted, or parked until its git
data comes. Runs under the identifier's lock."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.nostr import kinds, nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate
from reconciler.sandbox.events.store import Added
from reconciler.sandbox.family.rules import AnnouncementRules, Creation
from reconciler.sandbox.policy import acceptance
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task


@dataclass(frozen=True, slots=True)
class Answer:
    """The last two items of an OK message (NIP-01)."""

    accepted: bool
    message: str = ""


def receive(service: Service, event: Event) -> Answer:
    """Judge an announcement and do what follows."""
    rules, words = service.family.announcements, service.family.events.words
    try:
        announcement = nip34.announcement(event)
    except PeerFault as fault:
        if _is_refused(rules, event.first("d") or ""):
            return Answer(False, words.identifier.format(why=fault))
        return keep(service, event)
    archive, coordinate = service.spec.archive, announcement.coordinate
    listed = acceptance.lists_service(service.family, announcement, service.url)
    wanted = listed or archive.takes(coordinate)
    if not wanted:
        _withdraw_older(service, announcement)
    if reason := archive.refusal(words.archive, coordinate, listed=listed) or _refusal(
        service, announcement, listed=wanted
    ):
        _withdraw_older(service, announcement)
        return Answer(False, reason)
    if not wanted:
        return _unhosted(service, announcement)
    if service.store.has_address(kinds.ANNOUNCEMENT, coordinate.owner, coordinate.identifier):
        return _hosted(service, announcement)
    if rules.waits and (rules.parks_with_data or not service.repos.refs(coordinate)):
        return _park(service, announcement)
    return _hosted(service, announcement)


def _is_refused(rules: AnnouncementRules, impossible: str) -> bool:
    """Is this identifier, which nobody can host, refused? Otherwise it is stored all the same."""
    held = rules.refused_characters
    return rules.checks_identifier and (not held or any(c in impossible for c in held))


def keep(service: Service, event: Event) -> Answer:
    """Store it, or only pass it on when its kind is ephemeral (NIP-01)."""
    if kinds.is_ephemeral(event.kind):
        service.publish(event)
        return Answer(True)
    return told(service, service.save(event))


def told(service: Service, added: Added) -> Answer:
    """The answer to what the store did."""
    rules = service.family.events
    match added:
        case Added.STORED:
            return Answer(True)
        case Added.DUPLICATE:
            return Answer(True, rules.words.stored_twice)
        case Added.OLDER:
            return Answer(*rules.older)
        case Added.DELETED:
            return Answer(False, rules.words.deleted)


def revive(service: Service, coordinate: Coordinate) -> None:
    """Give a waiting announcement 30 minutes more, and its bare repository back if it is gone."""
    if service.purgatory.announcement(coordinate):
        service.purgatory.extend_announcement(coordinate)
        service.repos.ensure(coordinate)


def _refusal(service: Service, announcement: Announcement, *, listed: bool) -> str | None:
    rules, event = service.family.announcements, announcement.event
    found = service.announced(announcement.coordinate.identifier)
    return acceptance.announcement_refusal(
        service.family,
        announcement,
        listed=listed,
        invited=found.invites(event.pubkey, own_counts=rules.own_invites),
    )


def _unhosted(service: Service, announcement: Announcement) -> Answer:
    """Stored without a repository; where dropping the service ends hosting, what was there goes."""
    answer = keep(service, announcement.signed)
    if answer.accepted and service.family.announcements.drop_archives:
        service.repos.remove(announcement.coordinate)
    return answer


def _hosted(service: Service, announcement: Announcement) -> Answer:
    """Stored and served at once; the repository comes when the family makes it."""
    answer = keep(service, announcement.signed)
    coordinate, rules = announcement.coordinate, service.family.announcements
    if (
        not answer.accepted
        or service.repos.exists(coordinate)
        or not _may_host(service, coordinate)
    ):
        return answer
    if rules.creation is Creation.AT_ONCE:
        service.repos.ensure(coordinate)
    elif rules.creation is Creation.LATER:
        service.agenda.add(Task.CREATE, coordinate, rules.creation_seconds)
    return answer


def _may_host(service: Service, coordinate: Coordinate) -> bool:
    """Beyond acceptance: a pattern for identifiers, and a budget of new repositories."""
    pattern = service.family.announcements.hosted_identifiers
    if pattern and not re.fullmatch(pattern, coordinate.identifier):
        return False
    return service.provisions.take(coordinate.owner)


def _park(service: Service, announcement: Announcement) -> Answer:
    rules, words = service.family.announcements, service.family.events.words
    parked = service.purgatory.announcement(announcement.coordinate)
    newer = parked and parked.announcement.event.created_at > announcement.event.created_at
    if newer and rules.parked_keeps_newest:
        return Answer(True, words.newer_waits)
    service.repos.ensure(announcement.coordinate)
    service.purgatory.park_announcement(announcement)
    return Answer(True, words.parked)


def _withdraw_older(service: Service, announcement: Announcement) -> None:
    """The owner's newer announcement leaves this service out: what waited here goes."""
    parked = service.purgatory.announcement(announcement.coordinate)
    if parked and announcement.event.created_at > parked.announcement.event.created_at:
        service.purgatory.drop_announcement(announcement.coordinate)
        service.repos.remove(announcement.coordinate)
