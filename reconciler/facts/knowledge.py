"""What all servers together know: events sorted by repository, with deletions honoured. Pure.

One event that any server served is known; NIP-09 deletions, NIP-40 expiry and NIP-70 protection
take it out of everything that may be sent again, so that nothing deleted comes back to life.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from reconciler.errors import PeerFault
from reconciler.nostr import kinds
from reconciler.nostr.addresses import Address, address_of, deleted_by
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.nip34 import (
    Announcement,
    Coordinate,
    State,
    announcement,
    state,
)

_EVENT_TAGS = ("e", "E", "q")
_NAMING = frozenset({"a", "A", *_EVENT_TAGS})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The live events of one moment.

    Attributes:
        events: every event that anybody served, by id, dead ones included.
        live: the ids of those that still stand and may be sent on.
        announcements: the newest readable announcement of each coordinate.
        states: readable states by identifier, whoever signed them.
        children: ids of events that name an event or a coordinate, by what they name.
        unreadable: ids of announcements and states that break NIP-34, with the reason.
    """

    events: Mapping[str, Event]
    live: frozenset[str]
    announcements: Mapping[Coordinate, Announcement]
    states: Mapping[str, tuple[State, ...]]
    children: Mapping[str, tuple[str, ...]]
    unreadable: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, events: Iterable[Event], *, now: int) -> Knowledge:
        """Sort what was observed. `now` (seconds) decides what has expired."""
        known = {event.id: event for event in events}
        standing = [
            event
            for event in without_deleted(known.values())
            if not _is_expired(event, now) and not event.is_protected
        ]
        unreadable: list[tuple[str, str]] = []
        announcements = _announcements(known.values(), {e.id for e in standing}, unreadable)
        states = _readable([e for e in standing if e.kind == kinds.STATE], state, unreadable)
        return cls(
            events=known,
            live=frozenset(event.id for event in standing),
            announcements=announcements,
            states=_by_identifier(states),
            children=_children(known.values()),
            unreadable=tuple(sorted(unreadable)),
        )

    def related(self, coordinate: Coordinate) -> tuple[Event, ...]:
        """All live events that hang from a repository, parents before children."""
        found: dict[str, Event] = {}
        frontier = [str(coordinate)]
        while frontier:
            ids = {i for name in frontier for i in self.children.get(name, ())} - found.keys()
            fresh = sorted((self.events[i] for i in ids), key=lambda e: (e.created_at, e.id))
            found |= {event.id: event for event in fresh}
            # through dead events too: the deletion that killed one hangs from it
            frontier = [name for event in fresh for name in _names(event)]
        skip = (kinds.ANNOUNCEMENT, kinds.STATE)
        live = [e for e in found.values() if e.kind not in skip and e.id in self.live]
        return _parents_first(live)


def without_deleted(events: Iterable[Event]) -> list[Event]:
    """NIP-09: only the author deletes; an `a` deletes versions up to the deletion's own time."""
    listed = list(events)
    by_id: set[tuple[str, str]] = set()
    by_address: dict[Address, int] = {}
    for event in listed:
        if event.kind != kinds.DELETION:
            continue
        by_id |= {(event.pubkey, target) for target in event.values("e")}
        for address in deleted_by(event):
            by_address[address] = max(by_address.get(address, 0), event.created_at)

    def stands(event: Event) -> bool:
        address = address_of(event)
        until = by_address.get(address, -1) if address else -1
        return (event.pubkey, event.id) not in by_id and event.created_at > until

    return [event for event in listed if event.kind == kinds.DELETION or stands(event)]


def is_void(deletion: Event, events: Mapping[str, Event]) -> bool:
    """Does a kind 5 delete nothing, as far as is known? NIP-09: only the author deletes.

    What it names and nobody serves any more may have been its author's own.
    """
    targets = deletion.values("e")
    foreign = [i for i in targets if i in events and events[i].pubkey != deletion.pubkey]
    return len(foreign) == len(targets) and not deleted_by(deletion)


def _names(event: Event) -> tuple[str, ...]:
    """What others may call it: its id, and the address of all its versions."""
    address = address_of(event)
    return (event.id, str(address)) if address else (event.id,)


def _parents_first(events: Iterable[Event]) -> tuple[Event, ...]:
    """In the order given, but none before those that it names: clocks of authors differ.

    Ids are hashes of what they name, so that names never form a circle.
    """
    by_id = {event.id: event for event in events}
    placed: dict[str, Event] = {}
    for event in by_id.values():
        waiting = [event]
        while waiting:
            top = waiting[-1]
            named = {target for name in _EVENT_TAGS for target in top.values(name)}
            first = [by_id[i] for i in sorted(named) if i in by_id and i not in placed]
            if first:
                waiting += first
            else:
                placed[waiting.pop().id] = top
    return tuple(placed.values())


def _is_expired(event: Event, now: int) -> bool:
    return event.expires is not None and event.expires <= now


def _readable(
    events: list[Event], read: Callable[[Event], _T], unreadable: list[tuple[str, str]]
) -> list[_T]:
    good = []
    for event in events:
        try:
            good.append(read(event))
        except PeerFault as error:
            unreadable.append((event.id, str(error)))
    return good


def _announcements(
    events: Iterable[Event], standing: set[str], unreadable: list[tuple[str, str]]
) -> dict[Coordinate, Announcement]:
    """The newest announcement of each coordinate. Where that one cannot be read, or is its author's
    alone to send, there is none: following, or signing over, an older copy would undo it."""
    newest: dict[Address | None, Event] = {}
    alive = [e for e in without_deleted(events) if e.kind == kinds.ANNOUNCEMENT]
    for event in sorted(alive, key=newest_first, reverse=True):
        newest[address_of(event)] = event
    found = {}
    for event in newest.values():
        if event.id not in standing:
            unreadable.append((event.id, "it is protected or expired, so only its author sends it"))
            continue
        for read in _readable([event], announcement, unreadable):
            found[read.coordinate] = read
    return found


def _by_identifier(states: list[State]) -> dict[str, tuple[State, ...]]:
    groups: defaultdict[str, list[State]] = defaultdict(list)
    for item in states:
        groups[item.identifier].append(item)
    return {name: tuple(group) for name, group in groups.items()}


def _children(events: Iterable[Event]) -> dict[str, tuple[str, ...]]:
    children: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        for tag in event.tags:
            if len(tag) > 1 and tag[0] in _NAMING:
                children[tag[1]].add(event.id)
        if event.kind in (kinds.ANNOUNCEMENT, kinds.STATE):
            own = Coordinate(event.pubkey, event.first("d") or "")
            children[str(own)].add(event.id)
    return {name: tuple(ids) for name, ids in children.items()}
