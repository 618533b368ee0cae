"""One repository as a whole: everything that its cells share, worked out once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.facts.authority import Ruling, authority, rival, rule
from reconciler.facts.knowledge import Knowledge, is_void
from reconciler.facts.seen import lookup_seen, newer_than
from reconciler.facts.signing import may_sign
from reconciler.model.actions import Sign
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed, Unknown
from reconciler.model.plan import OF_SOURCE, Hold, HoldReason
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate, State, announcement, pull_tip
from reconciler.plan import placement, reasons
from reconciler.plan import sources as from_source
from reconciler.plan.conversation import newest_first_threads
from reconciler.plan.placement import fit, reachable, signing, sources, wanted

_RELEASED = frozenset({HoldReason.EMPTY_REPOSITORY, HoldReason.EMPTY_STATE})
"""Why no state may be followed until somebody signs one: a source does."""
_FOLLOWED = OF_SOURCE | {HoldReason.NEXT_STATE}
"""Holds beside which the state that stands is followed all the same."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A verified pull request (or update): `tip` must stand at refs/nostr/<event id>."""

    event: Event
    tip: str
    sources: tuple[str, ...]
    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What planning knows of one repository before it looks at single servers.

    `state` is None when none may be followed; `holds` then say why. `listed` are the servers of
    the newest announcement, with those that `sign` adds. `at` is the time of the observation.
    `announcement` and `state` are drafts where the plan signs the first one (`sign`), and the next
    state (`sign_state`).
    """

    coordinate: Coordinate
    name: str
    announcement: Announcement
    authority: frozenset[str]
    ruling: Ruling
    rival: State | None
    state: State | None
    state_sources: tuple[str, ...]
    pulls: tuple[Pull, ...]
    events: tuple[Event, ...]
    places: tuple[str, ...]
    listed: frozenset[str]
    sign: Sign | None
    sign_state: Sign | None
    signer: bool
    signs: bool
    holds: tuple[Hold, ...]
    at: int

    @classmethod
    def of(
        cls,
        desired: Desired,
        observed: Observed,
        known: Knowledge,
        coordinate: Coordinate,
        name: str,
    ) -> Repository:
        """Work out what holds for all servers of one repository."""
        announcement = known.announcements[coordinate]
        places = wanted(desired, observed, announcement)
        sign = signing(desired, observed, announcement, places)
        return cls._of(desired, observed, known, announcement, name, places, sign)

    @classmethod
    def first(
        cls,
        desired: Desired,
        observed: Observed,
        known: Knowledge,
        coordinate: Coordinate,
        name: str,
    ) -> Repository | None:
        """The same for one that this run announces; None where it cannot be announced yet."""
        places = placement.places(desired, observed, coordinate, frozenset())
        silent = {u for u in places if isinstance(observed.view(u).refs(coordinate), Unknown)}
        servers = tuple(url for url in fit(desired, observed, places) if url not in silent)
        sign = from_source.first(desired, observed, coordinate, servers) if servers else None
        if sign is None:
            return None
        announced = announcement(sign.draft)
        found = cls._of(desired, observed, known, announced, name, places, sign)
        return found if found.state else None

    @classmethod
    def _of(
        cls,
        desired: Desired,
        observed: Observed,
        known: Knowledge,
        announcement: Announcement,
        name: str,
        places: tuple[str, ...],
        sign: Sign | None,
    ) -> Repository:
        coordinate = announcement.coordinate
        announcements = {**known.announcements, coordinate: announcement}
        members = authority(coordinate, announcements)
        states = known.states.get(coordinate.identifier, ())
        ruling = rule(members, states, now=observed.at)
        other = rival(coordinate, ruling, announcements, states, now=observed.at)
        listed = announcement.servers() | frozenset(sign.adds if sign else ())
        holds = (
            reasons.unfollowed(coordinate, announcement, ruling, observed)
            or reasons.unsure(coordinate, other, desired, observed)
            or _rolled_back(coordinate, observed, known, members, ruling)
        )
        brought = from_source.Adoption()
        if other is None and _RELEASED.issuperset(hold.reason for hold in holds):
            servers = reachable(desired, observed, tuple(url for url in places if url in listed))
            brought = from_source.adopt(desired, observed, known, coordinate, ruling.state, servers)
        followed = _followed(observed, coordinate, ruling, brought, holds)
        npub = desired.npub(coordinate.owner)
        pulls = _pulls(observed, known, coordinate) if desired.policies.pulls else ()
        lost = sum(not pull.available for pull in pulls)
        return cls(
            coordinate=coordinate,
            name=name,
            announcement=announcement,
            authority=members,
            ruling=followed.ruling,
            rival=other,
            state=followed.state,
            state_sources=followed.sources,
            pulls=pulls,
            events=_events(desired, known, coordinate),
            places=places,
            listed=listed,
            sign=sign,
            sign_state=followed.sign,
            signer=bool(npub and npub.signer),
            signs=may_sign(desired, coordinate.owner),
            holds=(*followed.holds, *reasons.pulls_nowhere(observed, coordinate, lost)),
            at=observed.at,
        )


@dataclass(frozen=True, slots=True)
class _Followed:
    """The state that servers are to follow, if any; where its data can be had; the action that
    signs it; what is in the way."""

    ruling: Ruling
    state: State | None
    sources: tuple[str, ...]
    sign: Sign | None
    holds: tuple[Hold, ...]


def _followed(
    observed: Observed,
    coordinate: Coordinate,
    ruling: Ruling,
    brought: from_source.Adoption,
    holds: tuple[Hold, ...],
) -> _Followed:
    if brought.state:
        holds, ruling = (), replace(ruling, state=brought.state)
    holds = (*holds, *brought.holds)
    state = ruling.state if _FOLLOWED.issuperset(hold.reason for hold in holds) else None
    tips = frozenset(oid for _, oid in state.refs) if state else frozenset()
    servers, nowhere = sources(observed, coordinate, tips)
    if nowhere:
        holds = (*holds, reasons.data_nowhere(observed, coordinate, nowhere))
        return _Followed(ruling, None, servers, None, holds)
    return _Followed(ruling, state, servers, brought.sign, holds)


def _rolled_back(
    coordinate: Coordinate,
    observed: Observed,
    known: Knowledge,
    members: frozenset[str],
    ruling: Ruling,
) -> tuple[Hold, ...]:
    """Did an earlier run see a newer state than any that is served now?"""
    mark = lookup_seen(observed, coordinate)
    now = ruling.state.event.created_at if ruling.state else 0
    if mark is None or not newer_than(mark, now, known, members):
        return ()
    return (reasons.state_vanished(mark, observed),)


def _pulls(observed: Observed, known: Knowledge, coordinate: Coordinate) -> tuple[Pull, ...]:
    found = []
    for event in known.related(coordinate):
        if tip := pull_tip(event):
            servers, nowhere = sources(observed, coordinate, frozenset({tip}))
            found.append(Pull(event, tip, servers, not nowhere))
    return tuple(found)


def _events(desired: Desired, known: Knowledge, coordinate: Coordinate) -> tuple[Event, ...]:
    found = [
        event
        for event in known.related(coordinate)
        if event.kind in desired.policies.event_kinds
        # servers answer a stranger's void deletion in three ways, and no run would ever end
        and not (event.kind == kinds.DELETION and is_void(event, known.events))
    ]
    if not desired.policies.pulls:
        # without its commit a pull request would wait in purgatory for ever
        found = [event for event in found if pull_tip(event) is None]
    return newest_first_threads(found)
