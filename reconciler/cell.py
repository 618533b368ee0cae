"""One cell: what one server needs for one repository. Pure.

The order of the waves is the order that every family accepts: announcement, state, push, roots,
pull refs, replies, deletions. A newly signed announcement goes first to the servers that it adds,
and last to those that were listed before, which need not wait for a signature.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.dialects import Dialect
from reconciler.git.receive_pack import RefUpdate
from reconciler.knowledge import Knowledge
from reconciler.model.observed import Absent, Fault, Listing, ServerView
from reconciler.model.plan import (
    Action,
    CellVerdict,
    Hold,
    HoldReason,
    Publish,
    Push,
    Verdict,
    Wave,
    Why,
)
from reconciler.nostr import kinds
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.pushes import Shape, differences, pull_shape, shape
from reconciler.subject import Subject

_RELEASE = {
    HoldReason.NEEDS_NEW_STATE: "a maintainer signs a new state (any push does), or the server "
    "aligns by itself",
    HoldReason.SERVER_MUST_FETCH: "the server fetches the objects by itself within minutes, or a "
    "maintainer signs a state that keeps the branches",
    HoldReason.REPOSITORY_GONE: "the server's operator restores it, or the owner announces anew",
    HoldReason.FUTURE_STATE: "its time comes, or a maintainer signs a state with the right time",
    HoldReason.PULL_REF_DIFFERS: "the server drops the wrong ref",
}


@dataclass(frozen=True, slots=True)
class CellPlan:
    """Actions, holds and the verdict of one cell."""

    verdict: CellVerdict
    actions: tuple[Action, ...] = ()
    holds: tuple[Hold, ...] = ()


def plan_cell(subject: Subject, view: ServerView, dialect: Dialect, known: Knowledge) -> CellPlan:
    """Compare one server with what its repository should be."""
    cell = view.cell(subject.coordinate)
    if fault := view.fault or (cell if isinstance(cell, Fault) else None):
        return _close(subject, view, Verdict.UNKNOWN, str(fault))
    if view.url not in subject.listed:
        return _unlisted(subject, view)
    if subject.announcement.private:
        return _judge(subject, view, cell, (), ())
    refs = cell if isinstance(cell, Listing) else Absent()
    actions: list[Action] = []
    holds: list[Hold] = []
    actions += _announcement(subject, view, dialect, known)
    if subject.state:
        found = _shape(subject, view, dialect, refs, known)
        actions += _state(subject, view, known, _left_to_server(subject.state, refs, found))
        actions += _push(subject, view, found)
        holds += _hold(subject, view, found)
    if _hosts(subject, view, dialect):
        pull_actions, pull_holds = _pulls(subject, view, refs)
        actions += _events(subject, view) + pull_actions
        holds += pull_holds
    return _judge(subject, view, cell, tuple(actions), tuple(holds))


def plan_index(subject: Subject, view: ServerView, known: Knowledge) -> tuple[Action, ...]:
    """An index relay receives announcement and state; it has no cells."""
    if view.fault or subject.announcement.private:
        return ()
    return (*_announce(subject, view, known), *_state(subject, view, known))


def _announcement(
    subject: Subject, view: ServerView, dialect: Dialect, known: Knowledge
) -> tuple[Action, ...]:
    # without a state, purgatory would swallow the announcement again and again
    return _announce(subject, view, known) if _hosts(subject, view, dialect) else ()


def _hosts(subject: Subject, view: ServerView, dialect: Dialect) -> bool:
    """Does, or will, this server serve the announcement, so that events can hang from it?"""
    served = subject.announcement.event.id in view.served
    return served or subject.state is not None or not dialect.purgatory


def _announce(subject: Subject, view: ServerView, known: Knowledge) -> tuple[Action, ...]:
    """The announcement that stands, and the one that this run signs, where they are missing."""
    current, sign = subject.announcement.event, subject.sign
    before = _served_version(view, known, current)
    found = []
    listed = view.url in subject.announcement.servers()
    if current.id not in view.served and (sign is None or listed):
        found.append(_announcing(subject, view, current.id, Wave.ANNOUNCE, before))
    if sign:
        wave = Wave.UPDATE if listed or not view.grasp else Wave.ANNOUNCE
        found.append(_announcing(subject, view, sign.draft.id, wave, before, signed=True))
    return tuple(found)


def _announcing(
    subject: Subject,
    view: ServerView,
    event_id: str,
    wave: Wave,
    before: str | None,
    *,
    signed: bool = False,
) -> Publish:
    kind = kinds.ANNOUNCEMENT
    why = Why.NEWER_ANNOUNCEMENT if before else Why.LISTS_SERVER
    coordinate = subject.coordinate
    return Publish(coordinate, view.url, event_id, kind, wave, why, before, signed=signed)


def _left_to_server(state: State, refs: Listing | Absent, found: Shape) -> tuple[RefUpdate, ...]:
    """What the server changes by itself when the state arrives: the rest of the differences."""
    if found.reason or isinstance(refs, Absent):
        return ()
    return tuple(u for u in differences(state, refs.refs) if u not in found.updates)


def _state(
    subject: Subject,
    view: ServerView,
    known: Knowledge,
    aligns: tuple[RefUpdate, ...] = (),
) -> tuple[Action, ...]:
    state = subject.state
    if state is None or state.event.id in view.served or _newer_state(subject, view, known):
        return ()
    before = _served_version(view, known, state.event)
    why = Why.STATE_OUTDATED if before else Why.STATE_MISSING
    event = state.event
    return (
        Publish(
            subject.coordinate,
            view.url,
            event.id,
            event.kind,
            Wave.STATE,
            why,
            before,
            aligns=aligns,
        ),
    )


def _served_version(view: ServerView, known: Knowledge, event: Event) -> str | None:
    """The newest version of an announcement or state that the server serves now."""
    address = Coordinate(event.pubkey, event.first("d") or "")
    versions = [
        known.known[i]
        for i in known.children.get(str(address), ())
        if i in view.served and known.known[i].kind == event.kind
    ]
    mine = [other for other in versions if other.pubkey == event.pubkey]
    return min(mine, key=newest_first).id if mine else None


def _newer_state(subject: Subject, view: ServerView, known: Knowledge) -> Event | None:
    """A state by the authority that the server serves and that is newer than the one followed.

    It is from the future, unreadable or its author's alone to send: not ours to spread or undo.
    """
    if subject.state is None:
        return None
    found = [
        known.known[i]
        for member in subject.authority
        for i in known.children.get(str(Coordinate(member, subject.coordinate.identifier)), ())
        if i in view.served
        and (known.known[i].kind, known.known[i].pubkey) == (kinds.STATE, member)
    ]
    newest = min(found, key=newest_first, default=subject.state.event)
    return newest if newest_first(newest) < newest_first(subject.state.event) else None


def _shape(
    subject: Subject,
    view: ServerView,
    dialect: Dialect,
    refs: Listing | Absent,
    known: Knowledge,
) -> Shape:
    state = subject.state
    if state is None:
        return Shape()
    if newer := _newer_state(subject, view, known):
        future = newer.id in subject.ruling.future
        reason = HoldReason.FUTURE_STATE if future else HoldReason.NEEDS_NEW_STATE
        detail = f"it serves a newer state, {newer.id[:12]}, that cannot be followed"
        return Shape(reason=reason, detail=detail)
    stored = state.event.id in view.served
    announced = subject.announcement.event.id in view.served
    found = shape(state, refs, dialect, stored=stored, announced=announced)
    if found.updates and dialect.owner_only and state.event.pubkey != subject.coordinate.owner:
        detail = "it follows the owner's states only, and a maintainer signed the newest"
        return Shape(reason=HoldReason.NEEDS_NEW_STATE, detail=detail)
    return found


def _push(subject: Subject, view: ServerView, found: Shape) -> tuple[Action, ...]:
    if not found.updates:
        return ()
    sources = tuple(url for url in subject.state_sources if url != view.url)
    coordinate = subject.coordinate
    return (Push(coordinate, view.url, found.updates, sources, Wave.PUSH, Why.REFS_DIFFER),)


def _hold(subject: Subject, view: ServerView, found: Shape) -> list[Hold]:
    if found.reason is None:
        return []
    release = _RELEASE[found.reason]
    return [Hold(subject.coordinate, view.url, found.reason, found.detail, release)]


def _pulls(
    subject: Subject, view: ServerView, refs: Listing | Absent
) -> tuple[list[Action], list[Hold]]:
    """One push for all pull refs that are missing here."""
    shapes = [
        (pull, pull_shape(pull.event.id, pull.tip, refs))
        for pull in subject.pulls
        if pull.available
    ]
    holds = [hold for _, found in shapes for hold in _hold(subject, view, found)]
    updates = tuple(update for _, found in shapes for update in found.updates)
    sources = dict.fromkeys(
        url for pull, found in shapes if found.updates for url in pull.sources if url != view.url
    )
    if not updates:
        return [], holds
    push = Push(
        subject.coordinate, view.url, updates, tuple(sources), Wave.PULLS, Why.PULL_REF_MISSING
    )
    return [push], holds


def _events(subject: Subject, view: ServerView) -> list[Action]:
    # a pull request without its commit would only wait in purgatory, run after run
    lost = {pull.event.id for pull in subject.pulls if not pull.available}
    return [
        Publish(subject.coordinate, view.url, event.id, event.kind, _wave(event), Why.EVENT_MISSING)
        for event in subject.events
        if event.id not in view.served and event.id not in lost
    ]


def _wave(event: Event) -> Wave:
    if event.kind in kinds.ROOTS:
        return Wave.ROOTS
    return Wave.DELETIONS if event.kind == kinds.DELETION else Wave.REPLIES


def _unlisted(subject: Subject, view: ServerView) -> CellPlan:
    if subject.announcement.private:
        return _close(subject, view, Verdict.HELD, "private")
    detail = "the announcement does not list it in both clone and relays"
    release = "the owner lists it (ngit can), or the desired state names a signer for the owner"
    if subject.signer:
        release = "set policies.announcements to update, so that the signer may list it"
    reason = HoldReason.NOT_LISTED
    hold = Hold(subject.coordinate, view.url, reason, detail, release)
    return _close(subject, view, Verdict.HELD, str(reason), holds=(hold,))


def _judge(
    subject: Subject,
    view: ServerView,
    cell: object,
    actions: tuple[Action, ...],
    holds: tuple[Hold, ...],
) -> CellPlan:
    """The verdict: what is wrong for the whole repository counts for each of its cells."""
    reasons = [hold.reason for hold in (*subject.holds, *holds)]
    refs = len(cell.refs) if isinstance(cell, Listing) else 0
    if HoldReason.TIE in reasons:
        verdict = Verdict.CONFLICT
    elif HoldReason.REFS_CLASH in reasons:
        verdict = Verdict.IMPOSSIBLE
    elif actions:
        verdict = Verdict.DRIFTED
    else:
        verdict = Verdict.HELD if reasons else Verdict.IN_SYNC
    detail = ", ".join(dict.fromkeys(map(str, reasons)))
    return _close(subject, view, verdict, detail, actions=actions, holds=holds, refs=refs)


def _close(
    subject: Subject,
    view: ServerView,
    verdict: Verdict,
    detail: str,
    *,
    actions: tuple[Action, ...] = (),
    holds: tuple[Hold, ...] = (),
    refs: int = 0,
) -> CellPlan:
    judged = CellVerdict(subject.coordinate, view.url, verdict, detail, refs)
    return CellPlan(judged, actions, holds)
