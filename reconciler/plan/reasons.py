"""Why no state of a repository may be followed anywhere, and what would release it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.facts.authority import Ruling
from reconciler.git.refname import clash
from reconciler.model.desired import Desired
from reconciler.model.observed import Absent, Observed, Seen, Unknown
from reconciler.model.plan import Hold, HoldReason
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Announcement, Coordinate, State

_NAMED = 3
"""How many refs a hold names."""


def _everywhere(coordinate: Coordinate, reason: HoldReason, detail: str, release: str) -> Hold:
    """A hold that concerns all servers."""
    return Hold(coordinate=coordinate, server=None, reason=reason, detail=detail, release=release)


def unfollowed(
    coordinate: Coordinate, announcement: Announcement, ruling: Ruling, observed: Observed
) -> tuple[Hold, ...]:
    """Why no state may be followed; empty when one may."""
    if announcement.private:
        detail, release = "the announcement says private", "the owner makes the repository public"
        return (_everywhere(coordinate, HoldReason.PRIVATE, detail, release),)
    if ruling.tied:
        detail = "maintainers signed different states in one second: " + ", ".join(
            i[:12] for i in ruling.tied
        )
        release = "a maintainer signs a newer state"
        return (_everywhere(coordinate, HoldReason.TIE, detail, release),)
    if ruling.state is None:
        reason = HoldReason.FUTURE_STATE if ruling.future else HoldReason.EMPTY_REPOSITORY
        detail = _absent("nobody signed one", "no state was found", _relays(observed))
        detail = "its only state is dated in the future" if ruling.future else detail
        release = "a maintainer pushes, which signs a state"
        return (_everywhere(coordinate, reason, detail, release),)
    if not ruling.state.refs:
        detail = "the newest state names no refs; following it would delete everything"
        release = "a maintainer signs a state with refs"
        return (_everywhere(coordinate, HoldReason.EMPTY_STATE, detail, release),)
    if pair := clash(frozenset(name for name, _ in ruling.state.refs)):
        detail = f"{pair[0]} and {pair[1]} cannot exist together"
        release = "a maintainer renames one of them and signs a state"
        return (_everywhere(coordinate, HoldReason.REFS_CLASH, detail, release),)
    return ()


def unsure(
    coordinate: Coordinate, other: State | None, desired: Desired, observed: Observed
) -> tuple[Hold, ...]:
    """Who may speak is not known while a place is silent that may hold the confirmation."""
    silent = [desired.called(view.url) for view in observed.views if view.unknown]
    if other is None or not silent:
        return ()
    detail = (
        f"a newer state, {other.event.id[:12]}, is by {other.event.pubkey[:16]}, who is invited; "
        f"whether they confirmed is not known while {', '.join(silent)} cannot be read"
    )
    release = "those servers answer, or the owner signs a newer state"
    return (_everywhere(coordinate, HoldReason.AUTHORITY_UNSURE, detail, release),)


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


def data_nowhere(observed: Observed, coordinate: Coordinate, oids: frozenset[str]) -> Hold:
    what = f"{len(oids)} objects of the newest state"
    answered = _listings(observed, coordinate)
    detail = _absent(f"{what} are on no server", f"{what} were not found", answered)
    detail += f" ({sorted(oids)[0][:12]} for one)"
    release = "a maintainer pushes them to any listed server, or a server that has them comes back"
    return _everywhere(coordinate, HoldReason.DATA_NOWHERE, detail, release)


def pulls_nowhere(observed: Observed, coordinate: Coordinate, lost: int) -> tuple[Hold, ...]:
    if not lost:
        return ()
    what = f"the commits of {lost} pull requests"
    answered = _listings(observed, coordinate)
    detail = _absent(f"{what} are on no server", f"{what} were not found", answered)
    release = "their authors push refs/nostr/<event id> to any listed server"
    return (_everywhere(coordinate, HoldReason.PULL_DATA_NOWHERE, detail, release),)


def source_unread(coordinate: Coordinate, url: str, why: Absent | Unknown | str) -> Hold:
    """Nothing is adopted from a source that could not be read to the end."""
    said = "it has no such repository" if isinstance(why, Absent) else str(why)
    release = "the source can be read, or another one is named"
    detail = f"{urls.host(url)}: {said}"
    return _everywhere(coordinate, HoldReason.SOURCE_UNREAD, detail, release)


def source_diverged(coordinate: Coordinate, url: str, kept: Sequence[tuple[str, str]]) -> Hold:
    """What the source has otherwise than the newest state, and cannot be taken without a loss."""
    named = "; ".join(f"{name}: {why}" for name, why in kept[:_NAMED])
    more = f"; and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    detail = f"{urls.host(url)}: {named}{more}"
    release = (
        "the missing commits are pushed to the source, or the repository's `rewrites` names the "
        "new tip (the old one, where a branch went)"
    )
    return _everywhere(coordinate, HoldReason.SOURCE_DIVERGED, detail, release)


def next_state(coordinate: Coordinate, detail: str) -> Hold:
    """What is left for a state that the next run signs."""
    return _everywhere(coordinate, HoldReason.NEXT_STATE, detail, "the next run signs it")


def deleted(coordinate: Coordinate) -> Hold:
    """A repository with a source whose announcement its owner deleted."""
    detail = "its owner deleted the announcement, or a version of it that cannot be followed stands"
    release = "the owner announces it, or the desired state names no source"
    return _everywhere(coordinate, HoldReason.DELETED, detail, release)


def state_vanished(mark: Seen, observed: Observed) -> Hold:
    """Servers that forgot or rolled back must not take the others with them."""
    answered = _relays(observed)
    state = (
        f"state {(mark.state or '')[:12]} by {(mark.state_by or '')[:12]}, which an earlier run saw"
    )
    detail = _absent(f"{state}, is served nowhere", f"{state}, was not found", answered)
    release = "a server shows it again, or a maintainer signs a newer one"
    return Hold(
        coordinate=mark.coordinate,
        server=None,
        reason=HoldReason.STATE_VANISHED,
        detail=detail,
        release=release,
    )


def vanished(mark: Seen, desired: Desired) -> Hold:
    """The alarm: a repository is gone from everywhere, and nobody deleted it."""
    places = ", ".join(map(desired.called, mark.servers))
    detail = f"announcement {mark.announcement[:12]}, which {places} served, is served nowhere now"
    release = "a server shows it again, or the owner announces it anew, or deletes it"
    return Hold(
        coordinate=mark.coordinate,
        server=None,
        reason=HoldReason.VANISHED,
        detail=detail,
        release=release,
    )
