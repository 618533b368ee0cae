"""Accepted is not done: only a later look at the world says what has become of an action. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.model.actions import Action
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Plan, Verdict
from reconciler.nostr.nip34 import Coordinate


def confirm(
    outcomes: Sequence[Outcome], plan: Plan, remaining: Plan, *, last: bool
) -> tuple[Outcome, ...]:
    """Turn "accepted" into "done" where a later plan of the world no longer wants the action.

    Args:
        outcomes: what apply wrote down.
        plan: the plan that was applied.
        remaining: the plan of the observation that followed.
        last: whether nobody will look again: what is not there now has failed.
    """
    left = {action.key for action in remaining.actions}
    silent = {server.url for server in remaining.servers if server.unknown}
    unseen = {(c.coordinate, c.server) for c in remaining.cells if c.verdict == Verdict.UNKNOWN}
    cells = {action.key: action for action in plan.actions}
    found = [_confirmed(outcome, cells, left, silent, unseen) for outcome in outcomes]
    if not last:
        return tuple(found)
    return tuple(_ended(o, cells[o.key], left, silent, unseen) for o in found)


def _confirmed(
    outcome: Outcome,
    actions: Mapping[str, Action],
    left: set[str],
    silent: set[str],
    unseen: set[tuple[Coordinate, str]],
) -> Outcome:
    action = actions[outcome.key]
    server = outcome.server or ""
    refused = outcome.result is Result.FAILED and action.tolerant
    if outcome.result not in (Result.SETTLING, Result.DELEGATED) and not refused:
        return outcome
    # an event is read back from the relay alone; refs are not
    blind = not action.sends and (action.coordinate, server) in unseen
    if action.later_key in left or server in silent or blind:
        return outcome
    if outcome.result is Result.DELEGATED:
        return replace(outcome, result=Result.UNCHANGED, detail="the server got it by itself")
    return replace(outcome, result=Result.DONE, detail="")


def _ended(
    outcome: Outcome,
    action: Action,
    left: set[str],
    silent: set[str],
    unseen: set[tuple[Coordinate, str]],
) -> Outcome:
    """A yes that shows nothing is a failure, where it cannot be waiting."""
    server = outcome.server or ""
    blind = not action.sends and (action.coordinate, server) in unseen
    if action.later_key not in left or server in silent or blind:
        return outcome
    said = _hollow_yes(action, outcome)
    return replace(outcome, result=Result.FAILED, detail=said) if said else outcome


def _hollow_yes(action: Action, outcome: Outcome) -> str:
    """What to say of something that is taken and still wanted; empty where it may be waiting."""
    if outcome.result is Result.UNCHANGED and action.sends:
        return f"the server says that it has it, and does not serve it: {outcome.detail}"
    if outcome.result is not Result.SETTLING:
        return ""
    if not action.sends:
        return "the server took the push, and does not show it"
    return "" if action.may_wait else "the server said yes, and does not serve it"
