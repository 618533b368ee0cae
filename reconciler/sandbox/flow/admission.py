"""From a verified event to the relay's OK: policy asked, then stored, parked or refused.

Blocking; runs in a worker thread under the locks of the identifiers that `identifiers` names.
Announcements have a module of their own (`announcing`).
"""

from __future__ import annotations

from reconciler.errors import PeerFault
from reconciler.nostr import addresses, kinds, nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.sandbox.events.store import Added
from reconciler.sandbox.family.rules import Alignment, DeletionMemory, DeletionRule
from reconciler.sandbox.flow import announcing
from reconciler.sandbox.flow.announcing import Answer, keep, revive, told
from reconciler.sandbox.flow.gitdata import Delivery
from reconciler.sandbox.policy import acceptance
from reconciler.sandbox.policy.maintainers import Announced
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task

__all__ = ["Answer", "identifiers", "receive"]


def identifiers(service: Service, event: Event) -> frozenset[str]:
    """The repositories whose locks an event needs; none for most kinds."""
    if not service.spec.grasp:
        return frozenset()
    if event.kind in (kinds.ANNOUNCEMENT, kinds.STATE):
        return frozenset({event.first("d") or ""})
    if event.kind in kinds.PULLS:
        return frozenset({_pull_identifier(event)})
    if event.kind == kinds.DELETION:
        named = {address.d for address in addresses.deleted_by(event)}
        return service.purgatory.identifiers_of(frozenset(event.values("e"))) | named
    return frozenset()


def receive(
    service: Service,
    event: Event,
    authenticated: frozenset[str] = frozenset(),
    *,
    synced: bool = False,
) -> Answer:
    """Judge an event and do what follows; the answer is what the client is told.

    Args:
        authenticated: the pubkeys that proved themselves on the connection (NIP-42).
        synced: it comes from another server and not from a client. What expired here once waits
            again only when a client sends it.
    """
    rules = service.family.events
    if not rules.judges_stored and service.store.has(event.id):
        return Answer(True, rules.words.stored_twice)
    late = rules.deletion_memory is DeletionMemory.STORED
    if service.store.is_deleted(event, by_address=not late):
        return Answer(False, rules.words.deleted)
    present = event.pubkey in authenticated
    if reason := acceptance.unfit(rules, event, now=service.clock(), author_present=present):
        return Answer(False, reason)
    if synced and service.purgatory.has_expired(event.id):
        return Answer(False, rules.words.expired_before)
    if not service.spec.grasp:
        return _delete(service, event) if event.kind == kinds.DELETION else keep(service, event)
    if rules.kinds and event.kind not in rules.kinds:
        return Answer(False, rules.words.kind)
    if event.kind == kinds.ANNOUNCEMENT:
        return announcing.receive(service, event)
    if event.kind == kinds.STATE:
        return _state(service, event)
    if event.kind == kinds.DELETION:
        return _deletion(service, event)
    return _other(service, event)


def _other(service: Service, event: Event) -> Answer:
    if reason := _unrelated(service, event):
        return Answer(False, reason)
    return _pull(service, event) if event.kind in kinds.PULLS else keep(service, event)


def _unrelated(service: Service, event: Event) -> str | None:
    rules, repos = service.family.events, service.repos
    return acceptance.other_refusal(rules, event, service.store, repos.exists)


# --- states ---


def _state(service: Service, event: Event) -> Answer:
    rules, words = service.family.states, service.family.events.words
    if service.purgatory.has_state(event.id):
        return Answer(True, words.parked_twice)
    try:
        state = service.read_state(event)
    except PeerFault as fault:
        if not rules.anyone:
            return Answer(False, words.malformed.format(why=fault))
        if rules.crashes_without_d and event.first("d") is None:
            service.crash()
        return keep(service, event)
    delivery = Delivery(service, state.identifier)
    found = delivery.standing.announced
    if not rules.anyone and (reason := _state_refusal(service, found, state)):
        return Answer(False, reason)
    for owner in found.owners_for(event.pubkey):
        revive(service, Coordinate(owner, state.identifier))
    if not rules.waits:
        return _stored_state(service, found, state)
    added = delivery.apply_state(state)
    if added is not None:
        return told(service, added)
    service.purgatory.park_state(state)
    return Answer(True, words.parked)


def _state_refusal(service: Service, found: Announced, state: State) -> str | None:
    """Why this author may not publish a state of this identifier here."""
    rules, words = service.family.states, service.family.events.words
    if not found.by_owner:
        return words.no_announcement
    owners = found.owners_for(state.event.pubkey)
    if not owners:
        return words.not_authorised
    if rules.owner_hint:
        hosted = {c.owner for c in service.hosted(found)} & set(owners)
        tagged = {c.owner for c in map(nip34.parse_coordinate, state.event.values("a")) if c}
        hints = {*state.event.values("p"), *tagged}
        if not hosted or (len(hosted) > 1 and hosted.isdisjoint(hints)):
            return words.not_authorised
    return None


def _stored_state(service: Service, found: Announced, state: State) -> Answer:
    """Served at once; repositories follow as the family does."""
    rules = service.family.states
    added = service.save(state.signed)
    if added is not Added.OLDER and rules.alignment is Alignment.DELETES:
        own = Coordinate(state.event.pubkey, state.identifier)
        service.agenda.add(Task.PRUNE, own, rules.deletes_seconds)
        for owner in found.by_owner:
            coordinate = Coordinate(owner, state.identifier)
            service.agenda.add(Task.ALIGN, coordinate, rules.others_seconds)
    return told(service, added)


# --- pull requests ---


def _pull(service: Service, event: Event) -> Answer:
    rules, words = service.family.pulls, service.family.events.words
    if not rules.waits:
        return keep(service, event)
    entry = service.purgatory.pull(event.id)
    if entry and entry.event:
        return Answer(True, words.parked_twice)
    commit = nip34.pull_tip(event)
    if commit is None:
        if rules.needs_commit:
            return Answer(False, words.no_commit.format(id=event.id))
        return keep(service, event)
    identifier = _pull_identifier(event)
    if Delivery(service, identifier).apply_pull(event, commit):
        return Answer(True)
    service.purgatory.park_pull(event, commit, identifier)
    return Answer(True, words.pull_waits.format(commit=commit))


def _pull_identifier(event: Event) -> str:
    """The identifier in the first repository address that a pull request tags."""
    found = (nip34.parse_coordinate(value) for value in event.values("a"))
    return next((c.identifier for c in found if c), "")


# --- deletions ---


def _deletion(service: Service, event: Event) -> Answer:
    """By the family's rule: taken from everybody, or judged by what it did."""
    match service.family.events.deletion:
        case DeletionRule.TAKEN:
            return _delete(service, event)
        case DeletionRule.JUDGED_AFTER if reason := _foreign(service, event, stored=True):
            return Answer(False, reason)
        case DeletionRule.JUDGED_AFTER:
            _carry_out(service, event)
            return _other(service, event)
        case DeletionRule.EFFECTIVE:
            return _kept_and_judged(service, event)


def _delete(service: Service, event: Event) -> Answer:
    if reason := _foreign(service, event, stored=False):
        return Answer(False, reason)
    _carry_out(service, event)
    return keep(service, event)


def _kept_and_judged(service: Service, event: Event) -> Answer:
    """khatru: it is stored whatever the OK says."""
    answer = keep(service, event)
    if reason := _foreign(service, event, stored=True):
        return Answer(False, reason)
    words = service.family.events.words
    return answer if _carry_out(service, event) else Answer(False, words.nothing_deleted)


def _foreign(service: Service, event: Event, *, stored: bool) -> str | None:
    """Why a deletion is refused that names somebody else's event. `stored`: an address counts only
    if something is stored there."""
    rules, store = service.family.events, service.store
    if not rules.foreign_deletion_refused:
        return None
    authors = {store.author_of(i) for i in event.values("e")} - {None}
    named = addresses.named_by(event)
    authors |= {a.pubkey for a in named if not stored or store.has_address(*a)}
    return rules.words.foreign if authors - {event.pubkey} else None


def _carry_out(service: Service, event: Event) -> bool:
    """Delete what the author may; the git data of a released announcement stays."""
    ids = frozenset(event.values("e"))
    named = addresses.deleted_by(event)
    gone = service.purgatory.withdraw(event.pubkey, ids, named, event.created_at)
    for coordinate in gone:
        service.repos.remove(coordinate)
    memory = service.family.events.deletion_memory
    return service.store.delete(event, memory) or bool(gone)
