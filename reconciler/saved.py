"""A plan that was saved and reviewed, against what would be planned now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.model.actions import Action
from reconciler.model.codec import contract_of
from reconciler.model.plan import Plan
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.names import Names
from reconciler.report.words import deed


def differences(saved: Plan, fresh: Plan) -> tuple[str, ...]:
    """Where the saved plan no longer is what would be planned now; empty when it still is."""
    found = []
    if saved.desired_digest != fresh.desired_digest:
        found.append("the desired state was changed after the plan was made")
    return tuple(sorted((*found, *_fallen(saved, fresh), *_new(saved, fresh))))


def still_valid(saved: Plan, fresh: Plan) -> tuple[Plan, tuple[str, ...]]:
    """The part of the saved plan that would be planned now as it stands there, and what was left
    out of both, in words.

    Each action carries its own precondition, so that a part is as safe as the whole: what is done
    was reviewed, and is wanted still. A cell ends with the first wave in which something else is
    wanted than was reviewed, because later waves stand on it.
    """
    reviewed = {action.key: contract_of(action) for action in saved.actions}
    ends: dict[tuple[Coordinate, str], int] = {}
    for action in fresh.actions:
        if reviewed.get(action.key) != contract_of(action):
            for server in action.places:
                cell = (action.coordinate, server)
                ends[cell] = min(action.wave, ends.get(cell, action.wave))
    kept = tuple(
        action
        for action in fresh.actions
        if reviewed.get(action.key) == contract_of(action)
        and all(action.wave <= ends.get((action.coordinate, s), action.wave) for s in action.places)
    )
    keys = {action.key for action in kept}
    forced = tuple(f for f in fresh.forced if any(_moves(action, f.name) for action in kept))
    delegated = tuple(d for d in fresh.delegated if keys.issuperset(d.keys))
    part = replace(fresh, actions=kept, forced=forced, delegated=delegated)
    return part, tuple(sorted((*_fallen(saved, fresh), *_new(saved, fresh))))


def only(remaining: Plan, applied: Plan) -> Plan:
    """What is left of a part that was applied; the rest is no failure of it."""
    keys = {key for action in applied.actions for key in (action.key, action.later_key)}
    return replace(remaining, actions=tuple(a for a in remaining.actions if a.key in keys))


def _moves(action: Action, ref: str) -> bool:
    return any(update.name == ref for update in action.changes)


def _fallen(saved: Plan, fresh: Plan) -> Iterator[str]:
    """What is not to be done any more, or not like that."""
    new = {action.key: action for action in fresh.actions}
    names = _names(saved, fresh)
    for action in saved.actions:
        now = new.get(action.key)
        if now is None:
            yield f"no longer needed or possible: {_said(action, names)}"
        elif contract_of(now) != contract_of(action):
            yield f"changed: {_said(now, names)}"


def _new(saved: Plan, fresh: Plan) -> Iterator[str]:
    old = {action.key for action in saved.actions}
    names = _names(saved, fresh)
    yield from (f"new: {_said(a, names)}" for a in fresh.actions if a.key not in old)


def _names(saved: Plan, fresh: Plan) -> Names:
    repositories: Mapping[Coordinate, str] = {
        **Names.of(saved.repositories, saved.servers).repositories,
        **Names.of(fresh.repositories, fresh.servers).repositories,
    }
    return Names(repositories, Names.of(fresh.repositories, fresh.servers).servers)


def _said(action: Action, names: Names) -> str:
    return f"{names.repository(action.coordinate)}: {deed(action)}{names.on(action.server)}"
