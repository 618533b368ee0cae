"""Which updates of a plan are forced: they drop commits that the new tip does not have. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.actions import Action
from reconciler.model.observed import Observed, lookup
from reconciler.model.plan import Forced


def forced(actions: Iterable[Action], observed: Observed) -> tuple[Forced, ...]:
    """Every forced update, and every one of which it could not be learnt whether it is one.

    By a push of ours or by the server itself, when it aligns with a state.
    """
    found = []
    for action in actions:
        known = {
            (one.old, one.new): one for one in lookup(observed.ancestry, action.coordinate) or ()
        }
        for update in action.changes:
            if update.creates or update.deletes or not action.server:
                continue
            ancestry = known.get((update.old, update.new))
            if ancestry and ancestry.forward:
                continue
            told = ancestry is not None and ancestry.forward is False
            found.append(
                Forced(
                    coordinate=action.coordinate,
                    server=action.server,
                    name=update.name,
                    old=update.old,
                    new=update.new,
                    count=ancestry.count if ancestry and told else None,
                    dropped=ancestry.dropped if ancestry and told else (),
                )
            )
    return tuple(dict.fromkeys(found))
