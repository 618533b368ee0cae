"""What was sent before and does not show: waiting in purgatory, or refused. Pure.

Purgatory is invisible, so an event that waits there looks missing; only memory keeps a run from
sending it again and again. Memory saves work and is never needed for safety: without it, the next
run sends once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.limits import (
    PURGATORY_SECONDS,
    REFUSED_FIRST_SECONDS,
    REFUSED_LAST_SECONDS,
    REFUSED_PUSHES,
)
from reconciler.model.actions import Action, Wave
from reconciler.model.observed import ServerView, Submission
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Hold, HoldReason
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.backoff import Backoff

_REFUSED = Backoff(first=REFUSED_FIRST_SECONDS, most=REFUSED_LAST_SECONDS)
IN_PURGATORY = "in-purgatory"
_NOT_A_REFUSAL = "auth-required"
_RELEASE = (
    "the server accepts it: it is offered again at growing intervals, or at once when the state "
    "directory's memory.sqlite3 is removed"
)


@dataclass(frozen=True, slots=True)
class Recalled:
    """Actions that are left, holds for what was refused, and whether something only waits."""

    actions: tuple[Action, ...]
    holds: tuple[Hold, ...] = ()
    waiting: bool = False


def recall(
    actions: tuple[Action, ...], view: ServerView, coordinate: Coordinate, *, now: int
) -> Recalled:
    """Leave out what the server has been sent already and cannot show, or has refused lately.

    What waits for a push of this very plan is sent again: an accepted event may have been lost in
    the meantime, and the push would fail without it.
    """
    sent = {submission.event_id: submission for submission in view.submitted}
    pushes = any(not action.sends for action in actions)
    kept: list[Action] = []
    refused: list[Action] = []
    waiting = False
    pushes_too_often = [a for a in actions if not a.sends and _is_flapping(a, sent, now)]
    if pushes_too_often:
        words = sent[pushes_too_often[0].sent_as].message
        detail = f"the server refused this push {REFUSED_PUSHES} times or more: {words}"
        hold = Hold(
            coordinate=coordinate,
            server=view.url,
            reason=HoldReason.REFUSED,
            detail=detail,
            release=_RELEASE,
        )
        return Recalled((), (hold,))
    for action in actions:
        before = sent.get(action.sends) if action.sends else None
        if before is None:
            kept.append(action)
        elif not before.accepted and now < again_at(before):
            refused.append(action)
        elif before.accepted and not pushes and _may_wait(action, before, now):
            waiting = True
        else:
            kept.append(action)
    if any(action.wave in (Wave.ANNOUNCE, Wave.STATE) for action in refused):
        kept = []  # nothing can hang from an announcement or state that the server will not have
    holds = _holds(refused, sent, view, coordinate)
    return Recalled(tuple(kept), holds, waiting)


def _may_wait(action: Action, before: Submission, now: int) -> bool:
    return action.may_wait and now < before.at + PURGATORY_SECONDS


def _is_flapping(push: Action, sent: Mapping[str, Submission], now: int) -> bool:
    """Did the server refuse this very push several runs in a row, the last time lately?"""
    before = sent.get(push.sent_as)
    return before is not None and before.tries >= REFUSED_PUSHES and now < again_at(before)


def again_at(refusal: Submission) -> int:
    """When a refused event is offered again, in seconds since 1970: 10 minutes after the first
    refusal, then twice as long each time, a day at most."""
    return refusal.at + int(_REFUSED.delay(refusal.tries))


def remembered(
    old: Iterable[Submission],
    actions: Iterable[Action],
    outcomes: Iterable[Outcome],
    *,
    now: int,
) -> tuple[Submission, ...]:
    """The memory after a run: what is accepted but unseen, and what was refused.

    Args:
        old: the memory before it.
        actions: those of the applied plan.
        outcomes: confirmed ones.
        now: seconds since 1970.
    """
    memory = {(s.server, s.event_id): s for s in old if now < s.at + REFUSED_LAST_SECONDS}
    sent = {action.key: (action.server, action) for action in actions if action.server}
    for outcome in outcomes:
        if outcome.key not in sent:
            continue
        server, action = sent[outcome.key]
        key = (server, action.sent_as)
        before = memory.pop(key, None) if outcome.result in _TELLING else memory.get(key)
        if outcome.result is Result.SETTLING and action.sends:
            memory[key] = _submission(key, now, 1, outcome.detail, accepted=True)
        elif outcome.result is Result.FAILED and not outcome.detail.startswith(_NOT_A_REFUSAL):
            tries = 1 if before is None or before.accepted else before.tries + 1
            memory[key] = _submission(key, now, tries, outcome.detail, accepted=False)
    return tuple(memory[key] for key in sorted(memory))


def _submission(
    key: tuple[str, str], now: int, tries: int, message: str, *, accepted: bool
) -> Submission:
    server, name = key
    return Submission(
        server=server, event_id=name, at=now, accepted=accepted, tries=tries, message=message
    )


_TELLING = frozenset({Result.DONE, Result.UNCHANGED, Result.SETTLING, Result.FAILED})


def _holds(
    refused: list[Action],
    sent: dict[str, Submission],
    view: ServerView,
    coordinate: Coordinate,
) -> tuple[Hold, ...]:
    """One hold for each thing that the server said."""
    words = dict.fromkeys(sent[action.sent_as].message for action in refused)
    return tuple(
        Hold(
            coordinate=coordinate,
            server=view.url,
            reason=HoldReason.REFUSED,
            detail=f"the server refused {sum(sent[a.sent_as].message == said for a in refused)} "
            f"events: {said}",
            release=_RELEASE,
        )
        for said in words
    )
