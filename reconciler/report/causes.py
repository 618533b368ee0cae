"""What of a plan comes from the change under review, and what was due without it. Pure."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.model.actions import Action, Publish
from reconciler.model.desired import Desired
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import Coordinate

CHANGES = "Changes"
REVIEWED = "From the change under review"
DRIFT = "Due without it: drift"


def cause_of(base: Desired | None) -> Callable[[Action], str]:
    """The heading that an action stands under; one for all where there is nothing to compare."""
    if base is None:
        return lambda _: CHANGES
    return lambda action: DRIFT if _asked_for(base, action) else REVIEWED


def _asked_for(base: Desired, action: Action) -> bool:
    """Would the desired state before the change have asked for this, too?"""
    return all(_wants(base, action.coordinate, place) for place in action.places) and not (
        isinstance(action, Publish)
        and action.kind not in (kinds.ANNOUNCEMENT, kinds.STATE)
        and action.kind not in base.policies.event_kinds
    )


def _wants(base: Desired, coordinate: Coordinate, server: str) -> bool:
    owner = base.npub(coordinate.owner)
    if owner is None or not owner.wants(coordinate.identifier):
        return False
    return server in base.index_relays or any(s.url == server for s in base.allowed(coordinate))
