"""Which refs one push to one server must change, or why none can. Pure.

The shape depends on the server's dialect (`dialects.py`): some accept only a push that makes heads
and tags equal to a state which still waits in purgatory, some refuse deletes, most align by
themselves when a state arrives whose objects they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.facts.dialects import Dialect
from reconciler.facts.refs import differences
from reconciler.git.advertisement import ZERO
from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import HEADS, NOSTR
from reconciler.model.actions import HeadMove
from reconciler.model.observed import Absent, Listing
from reconciler.model.plan import HoldReason
from reconciler.nostr.nip34 import State


@dataclass(frozen=True, slots=True)
class PushOrWhyNot:
    """What a push would change, be it HEAD alone; or, with `reason`, why it would be of no use."""

    updates: tuple[RefUpdate, ...] = ()
    head: HeadMove | None = None
    reason: HoldReason | None = None
    detail: str = ""


def heads(
    state: State, cell: Listing | Absent, dialect: Dialect, *, stored: bool, announced: bool
) -> PushOrWhyNot:
    """The push that makes a server's heads and tags equal to a state.

    Args:
        state: the authoritative state.
        cell: what the server has.
        dialect: how its family behaves.
        stored: its relay serves this very state already.
        announced: its relay serves an announcement of the repository.
    """
    if isinstance(cell, Absent) and announced and not dialect.head_by_push:
        detail = "its relay serves the announcement, yet its git side has no such repository"
        return PushOrWhyNot(reason=HoldReason.REPOSITORY_GONE, detail=detail)
    refs = cell.refs if isinstance(cell, Listing) else ()
    updates = differences(state, refs)
    if not updates:
        return _head(state, cell, dialect, stored=stored)
    if stored and dialect.purgatory_only:
        detail = f"{len(updates)} refs differ although it serves the newest state"
        return PushOrWhyNot(reason=HoldReason.NEEDS_NEW_STATE, detail=detail)
    holds_all = {oid for _, oid in state.refs} <= {oid for _, oid in refs}
    if holds_all and not stored and dialect.purgatory:
        return PushOrWhyNot()  # it aligns by itself when the state arrives
    return _within_dialect(updates, dialect, stored=stored)


def pull(event_id: str, tip: str, cell: Listing | Absent) -> PushOrWhyNot:
    """The push that makes refs/nostr/<event id> stand at a pull request's tip."""
    name = NOSTR + event_id
    have = dict(cell.refs).get(name) if isinstance(cell, Listing) else None
    if have == tip:
        return PushOrWhyNot()
    if have:
        detail = f"{name} stands at {have[:12]}, the event says {tip[:12]}"
        return PushOrWhyNot(reason=HoldReason.PULL_REF_DIFFERS, detail=detail)
    return PushOrWhyNot((RefUpdate(name, ZERO, tip),))


def _head(state: State, cell: Listing | Absent, dialect: Dialect, *, stored: bool) -> PushOrWhyNot:
    """HEAD is compared like a ref; a server that does not tell where it stands says nothing."""
    told = cell.head if isinstance(cell, Listing) else None
    if not told or told == state.head or state.head not in dict(state.refs):
        return PushOrWhyNot()
    if dialect.head_by_push:
        return PushOrWhyNot(head=HeadMove(told, state.head or ""))
    if not stored:
        return PushOrWhyNot()  # it moves when the state arrives
    detail = f"HEAD names {told}, the state says {state.head}"
    return PushOrWhyNot(reason=HoldReason.HEAD_DIFFERS, detail=detail)


def _within_dialect(
    updates: tuple[RefUpdate, ...], dialect: Dialect, *, stored: bool
) -> PushOrWhyNot:
    """Leave out, or give up, what the dialect refuses."""
    branches = [u for u in updates if u.deletes and u.name.startswith(HEADS)]
    if not branches or dialect.deletes_branches:
        return PushOrWhyNot(updates)
    if dialect.exact:
        detail = f"{len(branches)} branches must go and new objects must come, which no push can do"
        return PushOrWhyNot(reason=HoldReason.SERVER_MUST_FETCH, detail=detail)
    writes = tuple(u for u in updates if not u.deletes)
    if stored and not writes:
        detail = f"{len(updates)} refs must go, which only the server itself can do"
        return PushOrWhyNot(reason=HoldReason.NEEDS_NEW_STATE, detail=detail)
    return PushOrWhyNot(writes)
