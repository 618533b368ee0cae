"""One push: read its commands, ask `authorise`, run `git receive-pack`, deliver what it brought.

Blocking; runs in a worker thread under the identifier's lock.
"""

from __future__ import annotations

from typing import IO

from reconciler.errors import PeerFault
from reconciler.git import receive_pack
from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import HEADS, NOSTR, is_branch_or_tag
from reconciler.limits import ADVERT_BYTES
from reconciler.nostr import nip34
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.family.rules import Creation, HeadRule
from reconciler.sandbox.flow import announcing
from reconciler.sandbox.flow.gitdata import Delivery
from reconciler.sandbox.policy.authorise import Push, nostr_event, refusal
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task


class NoRepository(PeerFault):
    """There is no repository at this address."""


class Refused(PeerFault):
    """The push is not authorised; the text is the reason. `names` are the refs that it meant, and
    `capabilities` what its client can read."""

    def __init__(self, reason: str, names: tuple[str, ...], capabilities: frozenset[str]) -> None:
        super().__init__(reason)
        self.names = names
        self.capabilities = capabilities


def receive(service: Service, coordinate: Coordinate, body: IO[bytes]) -> bytes:
    """Take a whole receive-pack request and return git's answer to it.

    Nothing of a refused push is kept: the decision comes before git sees the pack.

    Raises:
        NoRepository: nothing is hosted there.
        Refused: the push is not authorised.
        PeerFault: the request is malformed, or git failed.
    """
    updates, capabilities, objects = _commands(body)
    if updates:
        service.counters.bump("pushes_received")
    judged_first = updates and service.family.git.state_first
    if not judged_first and not _is_known(service, coordinate):
        raise NoRepository(service.family.git.words.missing)
    delivery = Delivery(service, coordinate.identifier)
    if updates:
        push = _question(service, delivery, coordinate, updates)
        reason = _reason(service, push, objects)
        _authorise(service, coordinate, updates, capabilities, reason)
        if service.family.announcements.creation is Creation.FIRST_PUSH:
            service.repos.ensure(coordinate)
    answer, accepted = delivery.repos.receive(coordinate, updates, body)
    if accepted:
        _remember(service, coordinate, accepted)
        delivery.deliver(coordinate)
    if accepted or not updates:  # after an empty push, too: seen on the real one
        answer += _after(service, delivery, coordinate)
    return answer


def _commands(body: IO[bytes]) -> tuple[tuple[RefUpdate, ...], frozenset[str], int]:
    """The commands, the client's capabilities, and how many objects the pack says it holds."""
    body.seek(0)
    head = body.read(ADVERT_BYTES)
    updates, capabilities, pack = receive_pack.parse_request(head)
    is_pack = pack[:4] == b"PACK" and len(pack) >= 12
    return updates, capabilities, int.from_bytes(pack[8:12], "big") if is_pack else 0


def _is_known(service: Service, coordinate: Coordinate) -> bool:
    entry = service.purgatory.announcement(coordinate)
    known = service.repos.exists(coordinate) or (entry is not None and entry.soft)
    return known or is_promised(service, coordinate)


def is_promised(service: Service, coordinate: Coordinate) -> bool:
    """Will the first push make the repository? (khatru: whatever is announced)"""
    if service.family.announcements.creation is not Creation.FIRST_PUSH:
        return False
    return coordinate.owner in service.announced(coordinate.identifier).by_owner


def _reason(service: Service, push: Push, objects: int) -> str | None:
    most = service.family.git.pack_objects
    if most is not None and objects > most:
        return service.family.git.words.too_large
    return refusal(service.family, push)


def _authorise(
    service: Service,
    coordinate: Coordinate,
    updates: tuple[RefUpdate, ...],
    capabilities: frozenset[str],
    reason: str | None,
) -> None:
    """Raise Refused, or count the push as activity on what waits for it."""
    if reason:
        service.counters.bump("pushes_refused")
        raise Refused(reason, tuple(u.name for u in updates), capabilities)
    service.counters.bump("pushes_authorised")
    announcing.revive(service, coordinate)
    service.purgatory.extend_states(coordinate.identifier)
    for update in updates:
        if event_id := nostr_event(service.family.pulls, update.name):
            service.purgatory.extend_pull(event_id)


def _question(
    service: Service, delivery: Delivery, coordinate: Coordinate, updates: tuple[RefUpdate, ...]
) -> Push:
    standing, refs = delivery.standing, delivery.repos.refs(coordinate)
    return Push(
        updates=updates,
        current={name: oid for name, oid in refs.items() if is_branch_or_tag(name)},
        authority=standing.authority(coordinate.owner),
        waiting=standing.waiting,
        stored=standing.stored,
        tips=_tips(service, updates),
        pulls=sum(name.startswith(NOSTR) for name in refs),
        read_only=service.family.git.archive_refuses and service.spec.archive.read_only,
        owner=coordinate.owner,
        repository=coordinate.identifier,
    )


def _tips(service: Service, updates: tuple[RefUpdate, ...]) -> dict[str, str | None]:
    """What the known pull requests among the pushed refs name as their commit."""
    tips: dict[str, str | None] = {}
    for update in updates:
        event_id = nostr_event(service.family.pulls, update.name)
        if event_id is None:
            continue
        if entry := service.purgatory.pull(event_id, waiting=True):
            tips[event_id] = entry.commit
        elif event := service.stored_event(event_id):
            tips[event_id] = nip34.pull_tip(event)
    return tips


def _remember(service: Service, coordinate: Coordinate, accepted: tuple[RefUpdate, ...]) -> None:
    """Placeholders for refs/nostr/<id> whose event nobody has seen yet."""
    rules = service.family.pulls
    if rules.merged_goes and any(u.name.startswith(NOSTR) for u in accepted):
        service.agenda.add(Task.CLEAN_PULLS, coordinate, rules.placeholder_seconds)
    for update in accepted:
        event_id = nostr_event(rules, update.name)
        if event_id is None or service.store.has(event_id):
            continue
        if not update.deletes:
            seconds = rules.placeholder_seconds
            service.purgatory.place(event_id, update.new, coordinate, seconds)
        elif not service.purgatory.pull(event_id, waiting=True):
            service.purgatory.drop_pull(event_id)


def _after(service: Service, delivery: Delivery, coordinate: Coordinate) -> bytes:
    """khatru: HEAD follows the state only now; an impossible one adds a text behind git's answer,
    although the push is done."""
    if service.family.states.head is not HeadRule.PUSH:
        return b""
    state = delivery.standing.governing(coordinate.owner)
    if state is None or state.head is None:
        return b""
    if state.head in dict(state.refs):
        delivery.repos.set_head(coordinate, state.head)
        return b""
    short = state.head.removeprefix(HEADS)
    return service.family.git.words.head.format(short=short).encode()
