"""The one path for git data, however it arrived: push, or already here when an event comes.

    release the announcement ─▶ states, oldest first: copy objects to every repository for which
    the state counts, align refs and HEAD, serve it ─▶ pull requests whose commit is here

Runs in a worker thread under the identifier's lock, and is idempotent: what is already so stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from reconciler.git.refname import NOSTR, is_branch_or_tag
from reconciler.nostr import nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.sandbox.events.store import Added
from reconciler.sandbox.family.rules import Alignment, HeadRule
from reconciler.sandbox.policy.authorise import newest
from reconciler.sandbox.policy.maintainers import Announced
from reconciler.sandbox.repos import GitFailed
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task


def deliver(service: Service, pushed: Coordinate) -> None:
    """Do all that git data which came to `pushed` makes possible in this family."""
    rules = service.dialect.states
    match rules.alignment:
        case Alignment.NEVER:
            return
        case Alignment.DELETES:
            prune(service, pushed)
        case Alignment.AT_ONCE if rules.release_seconds:
            for state in service.purgatory.states(pushed.identifier):
                apply_state(service, state, serve=False)
            service.agenda.add(Task.RELEASE, pushed, rules.release_seconds)
        case Alignment.AT_ONCE:
            release(service, pushed)


def deliver_fetched(service: Service, coordinate: Coordinate) -> None:
    """The same for git data that this server has fetched itself. In families where nothing but a
    push moves refs, it counts as the push of what the newest state declares."""
    deliver(service, coordinate)
    if service.dialect.states.alignment is Alignment.AT_ONCE:
        return
    state = governing(service, coordinate)
    if state and service.repos.exists(coordinate):
        align(service, coordinate, state)
        if state.head and state.head in dict(state.refs):
            service.repos.set_head(coordinate, state.head)


def release(service: Service, pushed: Coordinate) -> None:
    """Serve what waited for the git data of this repository, and align refs with it."""
    identifier = pushed.identifier
    release_announcement(service, pushed)
    for state in service.purgatory.states(identifier):
        apply_state(service, state)
    if service.dialect.states.realigns_stored:
        _realign(service, identifier)
    for pull in service.purgatory.pulls(identifier):
        if pull.event:
            apply_pull(service, pull.event, pull.commit, identifier)


def apply_state(service: Service, state: State, *, serve: bool = True) -> Added | None:
    """Apply and serve a state if one single repository here holds all its objects.

    Returns None when none does, so that the state has to wait; also when its author has lost
    authority since it began to wait. An empty state is always applied. Without `serve` refs and
    HEAD follow, and the event goes on waiting.
    """
    found = service.announced(state.identifier)
    owners = found.owners_for(state.event.pubkey)
    source = _source(service, found, state)
    if source is None or not owners:
        return None
    for owner in owners:
        coordinate = Coordinate(owner, state.identifier)
        if service.repos.exists(coordinate):
            _apply_to(service, found, coordinate, state, source)
    if not serve:
        return None
    service.purgatory.drop_state(state.event.id)
    return service.save(state.event)


def apply_pull(service: Service, event: Event, commit: str, identifier: str) -> bool:
    """Serve a pull request whose commit is in one of its repositories, and give all of them
    refs/nostr/<event id>. A ref of that name with another commit is removed.

    Returns False when the commit is nowhere.
    """
    name = f"{NOSTR}{event.id}"
    targets = pull_repositories(service, event, identifier)
    holders = [c for c in targets if not service.repos.missing(c, [commit])]
    for target in targets:
        if holders and target not in holders:
            _copy(service, holders[0], target, [commit])
        present = service.repos.refs(target).get(name)
        wanted = commit if holders else None
        if present != wanted:
            service.repos.update(target, {name: wanted})
    if holders:
        service.purgatory.drop_pull(event.id)
        service.save(event)
    return bool(holders)


def pull_repositories(service: Service, event: Event, identifier: str) -> tuple[Coordinate, ...]:
    """The hosted repositories whose authority overlaps the owners that a pull request tags."""
    tagged = {c.owner for c in map(nip34.parse_coordinate, event.values("a")) if c}
    found = service.announced(identifier)
    return tuple(
        c for c in service.hosted(found) if not tagged.isdisjoint(found.authority(c.owner))
    )


def release_announcement(service: Service, coordinate: Coordinate) -> None:
    """Serve an announcement whose git data has come."""
    if entry := service.purgatory.announcement(coordinate):
        service.purgatory.drop_announcement(coordinate)
        service.save(entry.announcement.event)


def _source(service: Service, found: Announced, state: State) -> Coordinate | None:
    """A repository with every tip of the state, whoever owns it (a fork may supply the data)."""
    oids = {oid for _, oid in state.refs}
    hosted = service.hosted(found)
    return next((c for c in hosted if not service.repos.missing(c, oids)), None)


def _apply_to(
    service: Service, found: Announced, coordinate: Coordinate, state: State, source: Coordinate
) -> None:
    missing = service.repos.missing(coordinate, {oid for _, oid in state.refs})
    if missing:
        _copy(service, source, coordinate, missing)
    if _counts(service, found, coordinate, state):
        align(service, coordinate, state)
    if missing or (service.dialect.states.present_promotes and state.refs):
        release_announcement(service, coordinate)


def _copy(service: Service, source: Coordinate, target: Coordinate, oids: Iterable[str]) -> None:
    """Copy objects; when git cannot (a history with holes), alignment leaves their refs out."""
    with contextlib.suppress(GitFailed):
        service.repos.copy(source, target, oids)


def _counts(service: Service, found: Announced, coordinate: Coordinate, state: State) -> bool:
    """Is it the newest of the served states of the owner's maintainers?"""
    authority = found.authority(coordinate.owner)
    stored = service.stored_states(coordinate.identifier)
    rivals = tuple(s for s in stored if s.event.pubkey in authority)
    return newest((*rivals, state), service.dialect.states.tie) == state


def align(service: Service, coordinate: Coordinate, state: State, *, moves: bool = True) -> None:
    """Make heads, tags and HEAD what the state says. A ref without its object is left out; without
    `moves`, so are all that would be made or moved."""
    repos = service.repos
    declared = dict(state.refs)
    absent = repos.missing(coordinate, declared.values())
    current = {n: o for n, o in repos.refs(coordinate).items() if is_branch_or_tag(n)}
    changes: dict[str, str | None] = {name: None for name in current if name not in declared}
    for name, oid in declared.items():
        if moves and current.get(name) != oid and oid not in absent:
            changes[name] = oid
    repos.update(coordinate, changes)
    rule = service.dialect.states.head
    if state.head not in declared or rule is HeadRule.PUSH:
        return
    if rule is HeadRule.DECLARED or declared[state.head] not in absent:
        repos.set_head(coordinate, state.head)


def prune(service: Service, coordinate: Coordinate) -> None:
    """Take away the refs that the newest stored state lacks, and let HEAD follow it."""
    state = governing(service, coordinate)
    if state and service.repos.exists(coordinate):
        align(service, coordinate, state, moves=False)


def take_from_others(service: Service, coordinate: Coordinate) -> None:
    """Bring a repository to the newest stored state, with what other owners' repositories of the
    identifier hold. Where there are none, nothing happens: ngit-relay looks for objects that it
    has only when it has fetched from somewhere else."""
    state = governing(service, coordinate)
    hosted = service.hosted(service.announced(coordinate.identifier))
    others = [other for other in hosted if other != coordinate]
    if state is None or not others or not service.repos.exists(coordinate):
        return
    for other in others:
        wanted = service.repos.missing(coordinate, {oid for _, oid in state.refs})
        found = wanted - service.repos.missing(other, wanted)
        if found:
            _copy(service, other, coordinate, found)
    align(service, coordinate, state)


def governing(service: Service, coordinate: Coordinate) -> State | None:
    """The newest stored state that counts for this repository."""
    found = service.announced(coordinate.identifier)
    authority = service.authority(found, coordinate.owner)
    stored = service.stored_states(coordinate.identifier)
    ours = tuple(s for s in stored if s.event.pubkey in authority)
    return newest(ours, service.dialect.states.tie)


def _realign(service: Service, identifier: str) -> None:
    """Bring repositories to the newest served state where all its objects are there."""
    found = service.announced(identifier)
    waiting = service.purgatory.states(identifier)
    for coordinate in service.hosted(found):
        authority = service.authority(found, coordinate.owner)
        ours = tuple(s for s in waiting if s.event.pubkey in authority)
        state = governing(service, coordinate)
        if state and newest((state, *ours), service.dialect.states.tie) != state:
            continue  # a newer one is on its way, perhaps in parts
        if state and not service.repos.missing(coordinate, {oid for _, oid in state.refs}):
            align(service, coordinate, state)
