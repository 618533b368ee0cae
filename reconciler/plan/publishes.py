"""Which events one server should be sent for one repository. Pure.

A newly signed announcement goes first to the servers that it adds, and last to those that were
listed before, which need not wait for a signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.facts.dialects import Dialect
from reconciler.facts.knowledge import Knowledge
from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Action, Publish, Wave, Why
from reconciler.model.observed import ServerView
from reconciler.nostr import kinds
from reconciler.nostr.addresses import address_of, deleted_by
from reconciler.nostr.event import Event, Template, newest_first
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan.repository import Repository


def in_family(actions: Iterable[Action], dialect: Dialect) -> tuple[Action, ...]:
    """The actions, with what an OK means in this family: purgatory keeps accepted events unseen."""
    return tuple(
        replace(action, waits=dialect.purgatory) if isinstance(action, Publish) else action
        for action in actions
    )


def serves_announcement(repository: Repository, view: ServerView, dialect: Dialect) -> bool:
    """Does, or will, this server serve the announcement, so that events can hang from it?"""
    served = repository.announcement.event.id in view.served
    return served or repository.state is not None or not dialect.purgatory


def announcement(repository: Repository, view: ServerView, known: Knowledge) -> tuple[Publish, ...]:
    """The announcement that stands, and the one that this run signs, where they are missing."""
    current, sign = repository.announcement.event, repository.sign
    before = _served_version(view, known, current)
    found = []
    first = sign is not None and sign.before is None
    listed = not first and view.url in repository.announcement.servers()
    if not first and current.id not in view.served and (sign is None or listed):
        found.append(_announcing(repository, view, current.id, Wave.ANNOUNCE, before))
    if sign:
        wave = Wave.UPDATE if listed or not view.grasp else Wave.ANNOUNCE
        found.append(_announcing(repository, view, sign.draft.id, wave, before, signed=True))
    return tuple(found)


def _announcing(
    repository: Repository,
    view: ServerView,
    event_id: str,
    wave: Wave,
    before: str | None,
    *,
    signed: bool = False,
) -> Publish:
    kind = kinds.ANNOUNCEMENT
    why = Why.NEWER_ANNOUNCEMENT if before else Why.LISTS_SERVER
    coordinate = repository.coordinate
    return Publish(
        coordinate=coordinate,
        server=view.url,
        event_id=event_id,
        kind=kind,
        wave=wave,
        why=why,
        before=before,
        signed=signed,
    )


def members(
    repository: Repository, view: ServerView, known: Knowledge, dialect: Dialect
) -> tuple[Publish, ...]:
    """Announcements of the other members: by them a server learns whose states count.

    A server takes one that lists it. One that does not is accepted by some families as a
    maintainer's, and is sent to them only where the state that is followed depends on it.
    """
    state = repository.state
    needed = state is not None and state.event.pubkey != repository.coordinate.owner
    found = []
    for member in sorted(repository.authority - {repository.coordinate.owner}):
        other = known.announcements[Coordinate(member, repository.coordinate.identifier)]
        wanted = view.url in other.servers() or (needed and dialect.purgatory)
        if wanted and other.event.id not in view.served:
            before = _served_version(view, known, other.event)
            found.append(_announcing(repository, view, other.event.id, Wave.MEMBERS, before))
    return tuple(found)


def state(
    repository: Repository,
    view: ServerView,
    known: Knowledge,
    aligns: tuple[RefUpdate, ...] = (),
) -> tuple[Publish, ...]:
    """The authoritative state where it is missing; `aligns` is what it makes the server do."""
    state = repository.state
    if state is None or state.event.id in view.served or newer_state(repository, view, known):
        return ()
    before = _served_version(view, known, state.event)
    why = Why.STATE_OUTDATED if before else Why.STATE_MISSING
    event, signed = state.event, repository.sign_state is not None
    # others are told of a new state when the servers have what it names
    wave = Wave.UPDATE if signed and not view.grasp else Wave.STATE
    return (
        Publish(
            coordinate=repository.coordinate,
            server=view.url,
            event_id=event.id,
            kind=event.kind,
            wave=wave,
            why=why,
            before=before,
            signed=signed,
            aligns=aligns,
        ),
    )


def _served_version(view: ServerView, known: Knowledge, event: Template) -> str | None:
    """The newest version of an announcement or state that the server serves now."""
    address = Coordinate(event.pubkey, event.first("d") or "")
    versions = [
        known.events[i]
        for i in known.children.get(str(address), ())
        if i in view.served and known.events[i].kind == event.kind
    ]
    mine = [other for other in versions if other.pubkey == event.pubkey]
    return min(mine, key=newest_first).id if mine else None


def newer_state(repository: Repository, view: ServerView, known: Knowledge) -> Template | None:
    """A state by the authority that the server serves and that is newer than the one followed.

    It is from the future, unreadable or its author's alone to send: not ours to spread or undo.
    """
    if repository.state is None:
        return None
    found = [
        known.events[i]
        for member in repository.authority
        for i in known.children.get(str(Coordinate(member, repository.coordinate.identifier)), ())
        if i in view.served
        and (known.events[i].kind, known.events[i].pubkey) == (kinds.STATE, member)
    ]
    newest = min(found, key=newest_first, default=repository.state.event)
    return newest if newest_first(newest) < newest_first(repository.state.event) else None


def events(
    repository: Repository, view: ServerView, known: Knowledge, dialect: Dialect
) -> tuple[Publish, ...]:
    """Issues, pull requests, comments and the rest that the server does not serve."""
    # a pull request without its commit would only wait in purgatory, run after run
    lost = {pull.event.id for pull in repository.pulls if not pull.available}
    return tuple(
        Publish(
            coordinate=repository.coordinate,
            server=view.url,
            event_id=event.id,
            kind=event.kind,
            wave=_wave(event),
            why=Why.EVENT_MISSING,
        )
        for event in repository.events
        if event.id not in view.served
        and event.id not in lost
        and (dialect.void_deletions or _has_target(event, view, known))
    )


def _has_target(event: Event, view: ServerView, known: Knowledge) -> bool:
    """Is it no deletion, or does the server serve what it deletes (NIP-09)?"""
    if event.kind != kinds.DELETION:
        return True
    targets = set(event.values("e"))
    addresses = set(deleted_by(event))
    return any(
        found.pubkey == event.pubkey and (i in targets or address_of(found) in addresses)
        for i in view.served
        if (found := known.events[i]).created_at <= event.created_at or i in targets
    )


def _wave(event: Event) -> Wave:
    if event.kind in kinds.ROOTS:
        return Wave.ROOTS
    return Wave.DELETIONS if event.kind == kinds.DELETION else Wave.REPLIES
