"""What earlier runs saw: what has vanished since, and what is remembered from now on. Pure.

A server that forgets, freezes or rolls back must not take everybody else along: the newest
announcement and state that any run ever saw of a repository are marks that never go back.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.facts.authority import authority, rule
from reconciler.facts.knowledge import Knowledge
from reconciler.model.observed import Observed, Seen
from reconciler.nostr import kinds
from reconciler.nostr.addresses import Address, deleted_by
from reconciler.nostr.nip34 import Coordinate


def is_gone(mark: Seen, observed: Observed, known: Knowledge) -> bool:
    """Is the announcement found nowhere, although every place that served it has answered?

    An announcement that its owner deleted (NIP-09), or that stands in a form that cannot be
    followed, has not vanished.
    """
    if mark.coordinate in known.announcements or _stands_somehow(mark.coordinate, known):
        return False
    if _deleted(known, Address(kinds.ANNOUNCEMENT, *_pair(mark.coordinate)), mark.announced_at):
        return False
    return all(view.unknown is None for view in observed.views if view.url in mark.servers)


def newer_than(mark: Seen, state_at: int, known: Knowledge, members: frozenset[str]) -> bool:
    """Did an earlier run see a newer state, by somebody who still counts and did not delete it?"""
    if mark.state is None or mark.state_by not in members or mark.state_at <= state_at:
        return False
    address = Address(kinds.STATE, mark.state_by or "", mark.coordinate.identifier)
    return not _deleted(known, address, mark.state_at, mark.state)


def remembered(
    observed: Observed, known: Knowledge, ours: Iterable[Coordinate]
) -> tuple[Seen, ...]:
    """The memory from now on: the best of what was remembered and what is seen, by repository."""
    marks: dict[Coordinate, Seen] = {mark.coordinate: mark for mark in observed.seen}
    for coordinate in ours:
        fresh = _seen(observed, known, coordinate)
        if fresh.servers:  # what was signed here and is served nowhere yet cannot vanish
            marks[coordinate] = _better(marks.get(coordinate), fresh)
    return tuple(marks[coordinate] for coordinate in sorted(marks))


def lookup_seen(observed: Observed, coordinate: Coordinate) -> Seen | None:
    """What is remembered of one repository."""
    return next((mark for mark in observed.seen if mark.coordinate == coordinate), None)


def _seen(observed: Observed, known: Knowledge, coordinate: Coordinate) -> Seen:
    event = known.announcements[coordinate].event
    served = frozenset().union(*(view.served for view in observed.views))
    states = [s for s in known.states.get(coordinate.identifier, ()) if s.event.id in served]
    found = rule(authority(coordinate, known.announcements), states, now=observed.at).state
    return Seen(
        coordinate=coordinate,
        announcement=event.id,
        announced_at=event.created_at,
        state=found.event.id if found else None,
        state_by=found.event.pubkey if found else None,
        state_at=found.event.created_at if found else 0,
        servers=tuple(view.url for view in observed.views if event.id in view.served),
        at=observed.at,
    )


def _better(old: Seen | None, new: Seen) -> Seen:
    """The new marks, but for a state that is older than one seen before."""
    if old is None or old.state is None or new.state_at >= old.state_at:
        return new
    return Seen(
        coordinate=new.coordinate,
        announcement=new.announcement,
        announced_at=new.announced_at,
        state=old.state,
        state_by=old.state_by,
        state_at=old.state_at,
        servers=new.servers,
        at=new.at,
    )


def _stands_somehow(coordinate: Coordinate, known: Knowledge) -> bool:
    unreadable = {event_id for event_id, _ in known.unreadable}
    events = (known.events[i] for i in known.children.get(str(coordinate), ()))
    return any(event.id in unreadable and event.pubkey == coordinate.owner for event in events)


def _deleted(known: Knowledge, address: Address, until: int, event_id: str | None = None) -> bool:
    """Does a known deletion by its author name the address at or after that time, or the id?"""
    deletions = [
        event
        for event in known.events.values()
        if event.kind == kinds.DELETION and event.pubkey == address.pubkey
    ]
    return any(
        (address in deleted_by(event) and event.created_at >= until)
        or (event_id is not None and event_id in event.values("e"))
        for event in deletions
    )


def _pair(coordinate: Coordinate) -> tuple[str, str]:
    return coordinate.owner, coordinate.identifier
