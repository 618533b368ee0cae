"""Who may speak for a repository, and which state counts. Pure.

Authority starts at the pinned owner (the pubkey in the coordinate, named in the desired state) and
grows by *reciprocal* invitation only: an invited pubkey counts once its own announcement of the
same identifier lists a member back. Real servers differ (v1 servers accept every invitee, v3 only
reciprocal ones); this is their intersection, so nothing that we spread is foreign to either.

What an invited person signs who has not confirmed is never spread, and never undone either: a newer
state of theirs is a `rival`, and nothing moves back where a server may follow it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.limits import MAINTAINER_DEPTH, MAINTAINERS, MAX_FUTURE_SECONDS
from reconciler.nostr.event import newest_first
from reconciler.nostr.nip34 import Announcement, Coordinate, State


def authority(
    coordinate: Coordinate, announcements: Mapping[Coordinate, Announcement]
) -> frozenset[str]:
    """The pubkeys whose states count for a coordinate; always holds the owner.

    Args:
        coordinate: the repository.
        announcements: the newest announcement of each coordinate that is known.
    """
    members = {coordinate.owner}
    for _ in range(MAINTAINER_DEPTH + 1):  # the last round must find nobody
        joined = _reciprocal(coordinate.identifier, members, announcements)
        if not joined:
            return frozenset(members)
        members |= joined
        if len(members) > MAINTAINERS:
            break
    # a graph that large or deep is an attack or a mistake; the owner alone is always right
    return frozenset({coordinate.owner})


def invited(
    coordinate: Coordinate, announcements: Mapping[Coordinate, Announcement]
) -> frozenset[str]:
    """Pubkeys whose announcements and states must be asked for: all whom invitations reach, at
    most MAINTAINERS of them."""
    return _reachable(coordinate, announcements) - {coordinate.owner}


def rival(
    coordinate: Coordinate,
    ruling: Ruling,
    announcements: Mapping[Coordinate, Announcement],
    states: Iterable[State],
    *,
    now: int,
) -> State | None:
    """A newer state than the one that counts, by somebody who is invited and has not confirmed.

    Args:
        coordinate: the repository.
        ruling: the state that counts.
        announcements: the newest announcement of each coordinate that is known.
        states: known states with this repository's identifier, by anybody.
        now: seconds since 1970.
    """
    everybody = _reachable(coordinate, announcements) - authority(coordinate, announcements)
    theirs = rule(everybody, states, now=now).state
    ours = ruling.state
    if theirs is None or (ours and (ours.refs, ours.head) == (theirs.refs, theirs.head)):
        return None
    if ours and newest_first(ours.event) < newest_first(theirs.event):
        return None
    return theirs


def _reachable(
    coordinate: Coordinate, announcements: Mapping[Coordinate, Announcement]
) -> frozenset[str]:
    """Everybody whom one-sided invitations reach from the owner, within bounds."""
    found: set[str] = set()
    new = {coordinate.owner}
    for _ in range(MAINTAINER_DEPTH + 1):
        found |= new
        named = {p for m in new for p in _lists(m, coordinate.identifier, announcements)}
        new = set(sorted(named - found)[: MAINTAINERS - len(found)])
        if not new:
            break
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The state that counts, and what stands in its way.

    `tied` are the ids of different states signed in the same second: servers break such ties in
    four different ways, so none of them is followed. `future` are states signed too far ahead.
    """

    state: State | None
    tied: tuple[str, ...] = ()
    future: tuple[str, ...] = ()


def rule(authority: frozenset[str], states: Iterable[State], *, now: int) -> Ruling:
    """Choose the authoritative state: newest `created_at`, then lowest id (NIP-01).

    Args:
        authority: the pubkeys that count.
        states: known states with this repository's identifier, by anybody.
        now: seconds since 1970; states signed more than MAX_FUTURE_SECONDS ahead do not count.
    """
    ours = [s for s in states if s.event.pubkey in authority]
    future = [s for s in ours if s.event.created_at > now + MAX_FUTURE_SECONDS]
    present = sorted((s for s in ours if s not in future), key=lambda s: newest_first(s.event))
    ahead = tuple(sorted(s.event.id for s in future))
    if not present:
        return Ruling(None, future=ahead)
    top = present[0]
    twins = [s for s in present if s.event.created_at == top.event.created_at]
    differ = len({(s.refs, s.head) for s in twins}) > 1
    tied = tuple(s.event.id for s in twins) if differ else ()
    return Ruling(top, tied, ahead)


def _reciprocal(
    identifier: str, members: set[str], announcements: Mapping[Coordinate, Announcement]
) -> set[str]:
    named = {p for m in members for p in _lists(m, identifier, announcements)}
    return {
        pubkey
        for pubkey in named - members
        if not members.isdisjoint(_lists(pubkey, identifier, announcements))
    }


def _lists(
    pubkey: str, identifier: str, announcements: Mapping[Coordinate, Announcement]
) -> tuple[str, ...]:
    found = announcements.get(Coordinate(pubkey, identifier))
    return found.maintainers if found else ()
