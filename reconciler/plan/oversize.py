"""Events that a family cannot take: sending one ends the connection, and with it what was on its
way. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.facts.budgets import Budgets
from reconciler.facts.knowledge import Knowledge
from reconciler.model.actions import Action
from reconciler.model.plan import Hold, HoldReason
from reconciler.nostr import messages
from reconciler.nostr.event import Event

_NAMED = 3


def without_oversize(
    actions: Iterable[Action], budgets: Budgets, known: Knowledge
) -> tuple[tuple[Action, ...], list[Hold]]:
    """The actions that are left, and a hold that names the events which are too large."""
    kept: list[Action] = []
    large: list[Action] = []
    for action in actions:
        event = known.events.get(action.sends or "")
        (large if event and _is_too_large(event, budgets) else kept).append(action)
    if not large:
        return tuple(kept), []
    names = ", ".join((action.sends or "")[:12] for action in large[:_NAMED])
    hold = Hold(
        coordinate=large[0].coordinate,
        server=large[0].server,
        reason=HoldReason.TOO_LARGE,
        detail=f"{len(large)} events are larger than this family takes: {names}",
        release="its author publishes a smaller one",
    )
    return tuple(kept), [hold]


def _is_too_large(event: Event, budgets: Budgets) -> bool:
    if budgets.content_bytes and len(event.content.encode()) > budgets.content_bytes:
        return True
    most = budgets.message_bytes
    return most is not None and len(messages.event(event).encode()) > most
