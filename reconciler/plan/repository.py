"""One repository as a whole: everything that its cells share, worked out once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.facts.authority import Ruling, authority, rival, rule
from reconciler.facts.knowledge import Knowledge, is_void
from reconciler.git.refname import clash
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed, Unknown
from reconciler.model.plan import Hold, HoldReason, Sign
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate, State, pull_tip
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
        holds = _holds(coordinate, announcement, ruling, observed)
        holds = holds or _unsure(coordinate, other, observed)
        state = None if holds else ruling.state
        tips = frozenset(oid for _, oid in state.refs) if state else frozenset()
        servers, nowhere = sources(observed, coordinate, tips)
        if nowhere:
            holds, state = (*holds, _data_nowhere(observed, coordinate, nowhere)), None
        npub = desired.npub(coordinate.owner)
        pulls = _pulls(observed, known, coordinate) if desired.policies.pulls else ()
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
            holds=(*holds, *_pull_holds(observed, coordinate, pulls)),
            at=observed.at,
        )


def _holds(
    coordinate: Coordinate, announcement: Announcement, ruling: Ruling, observed: Observed
) -> tuple[Hold, ...]:
    """Why no state may be followed; empty when one may."""
    if announcement.private:
        detail, release = "the announcement says private", "the owner makes the repository public"
        return (Hold(coordinate, None, HoldReason.PRIVATE, detail, release),)
    if ruling.tied:
        detail = "maintainers signed different states in one second: " + ", ".join(
            i[:12] for i in ruling.tied
        )
        release = "a maintainer signs a newer state"
        return (Hold(coordinate, None, HoldReason.TIE, detail, release),)
    if ruling.state is None:
        reason = HoldReason.FUTURE_STATE if ruling.future else HoldReason.EMPTY_REPOSITORY
        detail = _absent("nobody signed one", "no state was found", _relays(observed))
        detail = "its only state is dated in the future" if ruling.future else detail
        release = "a maintainer pushes, which signs a state"
        return (Hold(coordinate, None, reason, detail, release),)
    if not ruling.state.refs:
        detail = "the newest state names no refs; following it would delete everything"
        release = "a maintainer signs a state with refs"
        return (Hold(coordinate, None, HoldReason.EMPTY_STATE, detail, release),)
    if pair := clash(frozenset(name for name, _ in ruling.state.refs)):
        detail = f"{pair[0]} and {pair[1]} cannot exist together"
        release = "a maintainer renames one of them and signs a state"
        return (Hold(coordinate, None, HoldReason.REFS_CLASH, detail, release),)
    return ()


def _unsure(coordinate: Coordinate, other: State | None, observed: Observed) -> tuple[Hold, ...]:
    """Who may speak is not known while a place is silent that may hold the confirmation."""
    silent = [urls.host(view.url) for view in observed.views if view.unknown]
    if other is None or not silent:
        return ()
    detail = (
        f"a newer state, {other.event.id[:12]}, is by {other.event.pubkey[:12]}, who is invited; "
        f"whether they confirmed is not known while {', '.join(silent)} cannot be read"
    )
    release = "those servers answer, or the owner signs a newer state"
    return (Hold(coordinate, None, HoldReason.AUTHORITY_UNSURE, detail, release),)


def _relays(observed: Observed) -> list[bool]:
    """Of every relay: did it answer?"""
    return [view.unknown is None for view in observed.views]


def _listings(observed: Observed, coordinate: Coordinate) -> list[bool]:
    """Of every server: could its refs of this repository be read?"""
    views = [view for view in observed.views if view.grasp]
    return [not isinstance(view.refs(coordinate), Unknown) for view in views]


def _absent(sure: str, unsure: str, answered: list[bool]) -> str:
    """What nobody who answered has. Who did not answer may have it: then nothing is sure."""
    if all(answered):
        return sure
    known, unknown = sum(answered), len(answered) - sum(answered)
    servers = "server" if known == 1 else "servers"
    return f"{unsure} on the {known} {servers} that answered; {unknown} unknown"


def _data_nowhere(observed: Observed, coordinate: Coordinate, oids: frozenset[str]) -> Hold:
    what = f"{len(oids)} objects of the newest state"
    answered = _listings(observed, coordinate)
    detail = _absent(f"{what} are on no server", f"{what} were not found", answered)
    detail += f" ({sorted(oids)[0][:12]} for one)"
    release = "a maintainer pushes them to any listed server, or a server that has them comes back"
    return Hold(coordinate, None, HoldReason.DATA_NOWHERE, detail, release)


def _pulls(observed: Observed, known: Knowledge, coordinate: Coordinate) -> tuple[Pull, ...]:
    found = []
    for event in known.related(coordinate):
        if tip := pull_tip(event):
            servers, nowhere = sources(observed, coordinate, frozenset({tip}))
            found.append(Pull(event, tip, servers, not nowhere))
    return tuple(found)


def _pull_holds(
    observed: Observed, coordinate: Coordinate, pulls: tuple[Pull, ...]
) -> tuple[Hold, ...]:
    lost = [pull for pull in pulls if not pull.available]
    if not lost:
        return ()
    what = f"the commits of {len(lost)} pull requests"
    answered = _listings(observed, coordinate)
    detail = _absent(f"{what} are on no server", f"{what} were not found", answered)
    release = "their authors push refs/nostr/<event id> to any listed server"
    return (Hold(coordinate, None, HoldReason.PULL_DATA_NOWHERE, detail, release),)


def _events(desired: Desired, known: Knowledge, coordinate: Coordinate) -> tuple[Event, ...]:
    found = [
        event
        for event in known.related(coordinate)
        if event.kind in desired.policies.event_kinds
        # servers answer a stranger's void deletion in three ways, and no run would ever end
        and not (event.kind == kinds.DELETION and is_void(event, known.events))
    ]
    if desired.policies.pulls:
        return tuple(found)
    # without its commit a pull request would wait in purgatory for ever
    return tuple(event for event in found if pull_tip(event) is None)
