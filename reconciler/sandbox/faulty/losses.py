"""What a server can lose: the faults that strike at once when they are armed. Any thread."""

from __future__ import annotations

from reconciler.sandbox.faults import Effect
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.parked import Everything


def lose(service: Service, effect: Effect) -> None:
    """Carry out a loss; other effects pass."""
    match effect:
        case Effect.LOSE_GIT:
            service.repos.remove_all()
        case Effect.LOSE_DATABASE:
            service.store.clear()
        case Effect.LOSE_PURGATORY:
            service.purgatory.restore(Everything())
            service.agenda.clear()
        case _:
            pass
