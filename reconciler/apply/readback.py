"""Accepted is not done: only a later look at the world says what has become of an action. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.model.actions import Action
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Plan, Verdict
from reconciler.nostr.nip34 import Coordinate


def confirm(outcomes: Sequence[Outcome], plan: Plan, remaining: Plan | None) -> tuple[Outcome, ...]:
    """Turn "accepted" into "done" where a later plan of the world no longer wants the action.

    Args:
        outcomes: what apply wrote down.
        plan: the plan that was applied.
        remaining: the plan of the observation that followed; None when nothing was written.
    """
    if remaining is None:
        return tuple(outcomes)
    left = {action.key for action in remaining.actions}
    silent = {server.url for server in remaining.servers if server.unknown}
    unseen = {(c.coordinate, c.server) for c in remaining.cells if c.verdict == Verdict.UNKNOWN}
    cells = {action.key: action for action in plan.actions}
    return tuple(_confirmed(outcome, cells, left, silent, unseen) for outcome in outcomes)


def _confirmed(
    outcome: Outcome,
    actions: Mapping[str, Action],
    left: set[str],
    silent: set[str],
    unseen: set[tuple[Coordinate, str]],
) -> Outcome:
    action = actions[outcome.key]
    server = outcome.server or ""
    wanted = action.sends and action.later_key in left and server not in silent
    if wanted and (said := _hollow_yes(action, outcome)):
        return replace(outcome, result=Result.FAILED, detail=said)
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


def _hollow_yes(action: Action, outcome: Outcome) -> str:
    """What to say of an event that is taken and still wanted; empty where it may be waiting."""
    if outcome.result is Result.UNCHANGED:
        return f"the server says that it has it, and does not serve it: {outcome.detail}"
    if outcome.result is Result.SETTLING and not action.may_wait:
        return "the server said yes, and does not serve it"
    return ""
