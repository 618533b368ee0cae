"""One cell: what one server needs for one repository. Pure.

The order of the waves is the order that every family accepts: announcement, state, push, roots,
pull refs, replies, deletions.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.facts.dialects import Dialect
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.refs import differences
from reconciler.git.receive_pack import RefUpdate
from reconciler.model.observed import Absent, Fault, Listing, ServerView
from reconciler.model.plan import (
    ADVISORY,
    Action,
    CellVerdict,
    Hold,
    HoldReason,
    Push,
    Verdict,
    Wave,
    Why,
)
from reconciler.nostr.nip34 import State
from reconciler.plan.publishes import (
    hosts,
    newer_state,
    publish_announcement,
    publish_events,
    publish_members,
    publish_state,
)
from reconciler.plan.pushes import Shape, pull_shape, shape
from reconciler.plan.repository import Subject
from reconciler.plan.submissions import IN_PURGATORY, recall

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
    if view.fault:
        return _close(subject, view, Verdict.UNKNOWN, str(view.fault))
    if not dialect.hosts(subject.coordinate.identifier):
        detail = f"{dialect.name} serves no such identifier"
        return _close(subject, view, Verdict.IMPOSSIBLE, detail)
    if isinstance(cell, Fault):
        return _without_git(subject, view, cell)
    if view.url not in subject.listed:
        return _unlisted(subject, view)
    if subject.announcement.private:
        return _judge(subject, view, cell, (), ())
    refs = cell if isinstance(cell, Listing) else Absent()
    actions: list[Action] = []
    holds: list[Hold] = []
    # without a state, purgatory would swallow the announcement again and again
    if hosts(subject, view, dialect):
        actions += publish_announcement(subject, view, known)
        actions += publish_members(subject, view, known, dialect)
    if subject.state:
        found = _shape(subject, view, dialect, refs, known)
        actions += publish_state(subject, view, known, _left_to_server(subject.state, refs, found))
        actions += _push(subject, view, found)
        holds += _hold(subject, view, found)
    if hosts(subject, view, dialect):
        pull_actions, pull_holds = _pulls(subject, view, refs)
        actions += [*publish_events(subject, view), *pull_actions]
        holds += pull_holds
    left = recall(tuple(actions), view, subject.coordinate, now=subject.at)
    holds += left.holds
    return _judge(subject, view, cell, left.actions, tuple(holds), waiting=left.waiting)


def _without_git(subject: Subject, view: ServerView, fault: Fault) -> CellPlan:
    """The relay answers and git does not: conversation goes on, refs and states wait."""
    actions: tuple[Action, ...] = ()
    served = subject.announcement.event.id in view.served
    if served and view.url in subject.listed and not subject.announcement.private:
        pulls = {pull.event.id for pull in subject.pulls}
        talk = [a for a in publish_events(subject, view) if a.event_id not in pulls]
        actions = recall(tuple(talk), view, subject.coordinate, now=subject.at).actions
    return _close(subject, view, Verdict.UNKNOWN, str(fault), actions=actions)


def plan_index(subject: Subject, view: ServerView, known: Knowledge) -> tuple[Action, ...]:
    """An index relay receives announcement and state; it has no cells."""
    if view.fault or subject.announcement.private:
        return ()
    wanted = (*publish_announcement(subject, view, known), *publish_state(subject, view, known))
    return recall(wanted, view, subject.coordinate, now=subject.at).actions


def _left_to_server(state: State, refs: Listing | Absent, found: Shape) -> tuple[RefUpdate, ...]:
    """What the server changes by itself when the state arrives: the rest of the differences."""
    if found.reason or isinstance(refs, Absent):
        return ()
    return tuple(u for u in differences(state, refs.refs) if u not in found.updates)


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
    if newer := newer_state(subject, view, known):
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
    *,
    waiting: bool = False,
) -> CellPlan:
    """The verdict: what is wrong for the whole repository counts for each of its cells."""
    reasons: list[str] = [hold.reason for hold in (*subject.holds, *holds)]
    refs = len(cell.refs) if isinstance(cell, Listing) else 0
    if HoldReason.TIE in reasons:
        verdict = Verdict.CONFLICT
    elif HoldReason.REFS_CLASH in reasons:
        verdict = Verdict.IMPOSSIBLE
    elif actions:
        verdict = Verdict.DRIFTED
    elif waiting:
        verdict = Verdict.PENDING
        reasons = reasons or [IN_PURGATORY]
    else:
        verdict = Verdict.IN_SYNC if ADVISORY.issuperset(reasons) else Verdict.HELD
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
