"""One repository as a whole: everything that its cells share, worked out once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.facts.authority import Ruling, authority, rival, rule
from reconciler.facts.knowledge import Knowledge, is_void
from reconciler.facts.seen import lookup_seen, newer_than
from reconciler.facts.signing import may_sign
from reconciler.model.actions import Sign
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed
from reconciler.model.plan import Hold
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate, State, pull_tip
from reconciler.plan import reasons
from reconciler.plan.conversation import newest_first_threads
from reconciler.plan.placement import signing, sources, wanted


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
        members = authority(coordinate, known.announcements)
        states = known.states.get(coordinate.identifier, ())
        ruling = rule(members, states, now=observed.at)
        other = rival(coordinate, ruling, known.announcements, states, now=observed.at)
        places = wanted(desired, observed, announcement)
        sign = signing(desired, observed, announcement, places)
        holds = (
            reasons.unfollowed(coordinate, announcement, ruling, observed)
            or reasons.unsure(coordinate, other, observed)
            or _rolled_back(coordinate, observed, known, members, ruling)
        )
        state = None if holds else ruling.state
        tips = frozenset(oid for _, oid in state.refs) if state else frozenset()
        servers, nowhere = sources(observed, coordinate, tips)
        if nowhere:
            holds, state = (*holds, reasons.data_nowhere(observed, coordinate, nowhere)), None
        npub = desired.npub(coordinate.owner)
        pulls = _pulls(observed, known, coordinate) if desired.policies.pulls else ()
        lost = sum(not pull.available for pull in pulls)
        return cls(
            coordinate=coordinate,
            name=name,
            announcement=announcement,
            authority=members,
            ruling=ruling,
            rival=other,
            state=state,
            state_sources=servers,
            pulls=pulls,
            events=_events(desired, known, coordinate),
            places=places,
            listed=announcement.servers() | frozenset(sign.adds if sign else ()),
            sign=sign,
            signer=bool(npub and npub.signer),
            signs=may_sign(desired, coordinate.owner),
            holds=(*holds, *reasons.pulls_nowhere(observed, coordinate, lost)),
            at=observed.at,
        )


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
