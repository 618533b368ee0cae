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
from reconciler.model.actions import Action, Push, Wave, Why
from reconciler.model.observed import Absent, Listing, ServerView, Unknown, lookup
from reconciler.model.plan import ADVISORY, OF_SOURCE, CellVerdict, Hold, HoldReason, Verdict
from reconciler.nostr.nip34 import State
from reconciler.plan import publishes, pushes
from reconciler.plan.holds import authority, foreign_refs, not_grasp, objects_gone, undead, why_not
from reconciler.plan.oversize import without_oversize
from reconciler.plan.placement import is_grasp
from reconciler.plan.pushes import PushOrWhyNot
from reconciler.plan.repository import Repository
from reconciler.plan.submissions import IN_PURGATORY, recall


@dataclass(frozen=True, slots=True)
class CellPlan:
    """Actions, holds and the verdict of one cell."""

    verdict: CellVerdict
    actions: tuple[Action, ...] = ()
    holds: tuple[Hold, ...] = ()


def plan_cell(
    repository: Repository, view: ServerView, dialect: Dialect, known: Knowledge
) -> CellPlan:
    """Compare one server with what its repository should be."""
    refs = view.refs(repository.coordinate)
    if view.unknown:
        return _close(repository, view, Verdict.UNKNOWN, str(view.unknown))
    if not dialect.takes(repository.coordinate.identifier):
        detail = f"{dialect.name} serves no such identifier"
        return _close(repository, view, Verdict.IMPOSSIBLE, detail)
    if isinstance(refs, Unknown):
        return _without_git(repository, view, dialect, refs, known)
    if view.url not in repository.listed:
        return _unlisted(repository, view)
    if why := lookup(view.hollow, repository.coordinate):
        hold = objects_gone(repository, view, why)
        return _close(repository, view, Verdict.HOLLOW, str(hold.reason), holds=(hold,))
    if repository.announcement.private:
        return _judge(repository, view, refs, (), ())
    actions: list[Action] = []
    holds = foreign_refs(repository, view, refs, dialect, known)
    holds += undead(repository, view, known)
    # without a state, purgatory would swallow the announcement again and again
    served = publishes.serves_announcement(repository, view, dialect)
    if served:
        actions += publishes.announcement(repository, view, known)
        actions += publishes.members(repository, view, known, dialect)
    found = _heads(repository, view, dialect, refs, known)
    if repository.state and found.reason is not HoldReason.AUTHORITY_DIFFERS:
        aligns = _left_to_server(repository.state, refs, found)
        actions += publishes.state(repository, view, known, aligns)
    actions += _push(repository, view, found)
    holds += why_not(repository, view, found)
    if served:
        actions += publishes.events(repository, view, known, dialect)
    if served and found.reason is not HoldReason.REPOSITORY_GONE:
        pull_actions, pull_holds = _pulls(repository, view, refs)
        actions += pull_actions
        holds += pull_holds
    fitting, large = without_oversize(actions, dialect.budgets, known)
    planned = publishes.in_family(fitting, dialect)
    left = recall(planned, view, repository.coordinate, now=repository.at)
    holds += (*large, *left.holds)
    return _judge(repository, view, refs, left.actions, tuple(holds), waiting=left.waiting)


def _without_git(
    repository: Repository, view: ServerView, dialect: Dialect, why: Unknown, known: Knowledge
) -> CellPlan:
    """The relay answers and git does not: conversation goes on, refs and states wait."""
    actions: tuple[Action, ...] = ()
    served = repository.announcement.event.id in view.served
    if served and view.url in repository.listed and not repository.announcement.private:
        pulls = {pull.event.id for pull in repository.pulls}
        missing = publishes.events(repository, view, known, dialect)
        talk = (action for action in missing if action.event_id not in pulls)
        planned = publishes.in_family(talk, dialect)
        actions = recall(planned, view, repository.coordinate, now=repository.at).actions
    return _close(repository, view, Verdict.UNKNOWN, str(why), actions=actions)


def plan_index(repository: Repository, view: ServerView, known: Knowledge) -> tuple[Action, ...]:
    """An index relay receives announcement and state; it has no cells."""
    if view.unknown or repository.announcement.private:
        return ()
    wanted = (
        *publishes.announcement(repository, view, known),
        *publishes.state(repository, view, known),
    )
    return recall(wanted, view, repository.coordinate, now=repository.at).actions


def _left_to_server(
    state: State, refs: Listing | Absent, found: PushOrWhyNot
) -> tuple[RefUpdate, ...]:
    """What the server changes by itself when the state arrives, or once it has fetched what the
    state names: the rest of the differences."""
    if isinstance(refs, Absent) or found.reason not in (None, HoldReason.SERVER_MUST_FETCH):
        return ()
    ours = frozenset(found.updates)  # thousands of refs: a set, or the search is quadratic
    return tuple(u for u in differences(state, refs.refs) if u not in ours)


def _heads(
    repository: Repository,
    view: ServerView,
    dialect: Dialect,
    refs: Listing | Absent,
    known: Knowledge,
) -> PushOrWhyNot:
    state = repository.state
    if state is None:
        return PushOrWhyNot()
    if newer := publishes.newer_state(repository, view, known):
        future = newer.id in repository.ruling.future
        reason = HoldReason.FUTURE_STATE if future else HoldReason.NEEDS_NEW_STATE
        detail = f"it serves a newer state, {newer.id[:12]}, that cannot be followed"
        return PushOrWhyNot(reason=reason, detail=detail)
    stored = state.event.id in view.served
    announced = repository.announcement.event.id in view.served
    found = pushes.heads(state, refs, dialect, stored=stored, announced=announced)
    return authority(repository, state, dialect, found) or found


def _push(repository: Repository, view: ServerView, found: PushOrWhyNot) -> tuple[Action, ...]:
    if not found.updates and not found.head:
        return ()
    sources = tuple(url for url in repository.state_sources if url != view.url)
    coordinate, why = repository.coordinate, Why.HEAD_DIFFERS if found.head else Why.REFS_DIFFER
    return (
        Push(
            coordinate=coordinate,
            server=view.url,
            updates=found.updates,
            sources=sources,
            wave=Wave.PUSH,
            why=why,
            head=found.head,
        ),
    )


def _pulls(
    repository: Repository, view: ServerView, refs: Listing | Absent
) -> tuple[list[Action], list[Hold]]:
    """One push for all pull refs that are missing here."""
    shapes = [
        (pull, pushes.pull(pull.event.id, pull.tip, refs))
        for pull in repository.pulls
        if pull.available
    ]
    holds = [hold for _, found in shapes for hold in why_not(repository, view, found)]
    updates = tuple(update for _, found in shapes for update in found.updates)
    sources = dict.fromkeys(
        url for pull, found in shapes if found.updates for url in pull.sources if url != view.url
    )
    if not updates:
        return [], holds
    push = Push(
        coordinate=repository.coordinate,
        server=view.url,
        updates=updates,
        sources=tuple(sources),
        wave=Wave.PULLS,
        why=Why.PULL_REF_MISSING,
    )
    return [push], holds


def _unlisted(repository: Repository, view: ServerView) -> CellPlan:
    if repository.announcement.private:
        return _close(repository, view, Verdict.HELD, "private")
    if repository.signs and not is_grasp(view):
        hold = not_grasp(repository, view)
        return _close(repository, view, Verdict.HELD, str(hold.reason), holds=(hold,))
    detail = "the announcement does not list it in both clone and relays"
    release = "the owner lists it (ngit can), or the desired state names a signer for the owner"
    if repository.signer:
        release = "set policies.announcements to update, so that the signer may list it"
    reason = HoldReason.NOT_LISTED
    hold = Hold(
        coordinate=repository.coordinate,
        server=view.url,
        reason=reason,
        detail=detail,
        release=release,
    )
    return _close(repository, view, Verdict.HELD, str(reason), holds=(hold,))


def _judge(
    repository: Repository,
    view: ServerView,
    refs: Listing | Absent,
    actions: tuple[Action, ...],
    holds: tuple[Hold, ...],
    *,
    waiting: bool = False,
) -> CellPlan:
    """The verdict: what is wrong for the whole repository counts for each of its cells."""
    reasons: list[str] = [hold.reason for hold in (*repository.holds, *holds)]
    count = len(refs.refs) if isinstance(refs, Listing) else 0
    if HoldReason.TIE in reasons:
        verdict = Verdict.CONFLICT
    elif HoldReason.REFS_CLASH in reasons:
        verdict = Verdict.IMPOSSIBLE
    elif actions:
        verdict = Verdict.DRIFTED
    elif waiting:
        verdict = Verdict.SETTLING
        reasons = reasons or [IN_PURGATORY]
    else:
        said = ADVISORY | OF_SOURCE
        verdict = Verdict.IN_SYNC if said.issuperset(reasons) else Verdict.HELD
    detail = ", ".join(dict.fromkeys(map(str, reasons)))
    return _close(repository, view, verdict, detail, actions=actions, holds=holds, refs=count)


def _close(
    repository: Repository,
    view: ServerView,
    verdict: Verdict,
    detail: str,
    *,
    actions: tuple[Action, ...] = (),
    holds: tuple[Hold, ...] = (),
    refs: int = 0,
) -> CellPlan:
    judged = CellVerdict(repository.coordinate, view.url, verdict, detail, refs)
    return CellPlan(judged, actions, holds)
