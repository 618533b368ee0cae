"""Synced events on their way in: known ones are skipped, the rest goes through the same admission
as a client's. What waits for git data then is handed to the hunter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow import admission
from reconciler.sandbox.metrics.figures import Source, Tally
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.service import Service
from reconciler.sandbox.sync.rejected import Rejected

HUNT_DELAY: Final = 0.5
"""Seconds from a synced event to the hunt for its git data: long enough to batch a burst
(GRASP-02)."""


class Intake:
    """The way in of one server; shared by all relays."""

    def __init__(
        self,
        runtime: Runtime,
        tally: Tally,
        waits: Callable[[str, float], None],
        comes: Callable[[str], bool],
    ) -> None:
        """`waits` is told the identifier and the delay when an event waits for git data; `comes` is
        asked before a new event is taken."""
        self.rejected = Rejected(runtime.service.clock)
        self._runtime = runtime
        self._tally = tally
        self._waits = waits
        self._comes = comes

    async def admit(self, events: Iterable[Event], source: Source) -> None:
        """Judge events, those first that others hang from; then those again that had to wait
        for one of them."""
        pending = sorted(events, key=_rank)
        while pending:
            event = pending.pop(0)
            if self.rejected.knows(event.id):
                continue
            if await self._runtime.run(self._is_known, event):
                continue
            if not self._comes(f"EVENT {event.kind} {event.id}"):
                continue
            accepted = await self._judge(event)
            if accepted:
                self._tally.events[source] += 1
                pending += sorted(self.rejected.release(event), key=_rank)
            elif accepted is not None:
                self._tally.rejected += 1
                self.rejected.add(event)

    def _is_known(self, event: Event) -> bool:
        service = self._runtime.service
        return service.store.has(event.id) or _is_parked(service, event)

    async def _judge(self, event: Event) -> bool | None:
        """Admission's answer; None when git failed, so that there is none to remember."""
        service = self._runtime.service
        await self._runtime.tidy()
        needed = admission.identifiers(service, event)
        try:
            answer = await self._runtime.run_locked(
                needed, admission.receive, service, event, synced=True
            )
        except PeerFault:
            return None
        if answer.accepted and _may_lack_data(service, event):
            for identifier in needed:
                self._waits(identifier, HUNT_DELAY)
        return answer.accepted


def _is_parked(service: Service, event: Event) -> bool:
    """Does it wait already? To offer it again would only lengthen its wait."""
    purgatory = service.purgatory
    if event.kind == kinds.ANNOUNCEMENT:
        entry = purgatory.announcement(Coordinate(event.pubkey, event.first("d") or ""))
        return entry is not None and entry.announcement.event == event
    return purgatory.has_state(event.id) or purgatory.pull(event.id, waiting=True) is not None


def _may_lack_data(service: Service, event: Event) -> bool:
    """Does it wait for git data, or is it of those that are served without?"""
    if _is_parked(service, event):
        return True
    served = not service.family.states.waits
    return served and event.kind in (kinds.ANNOUNCEMENT, kinds.STATE)


def _rank(event: Event) -> tuple[int, int]:
    """Announcements, then states, then roots, then the rest; older first, as parents are."""
    order = (kinds.ANNOUNCEMENT, kinds.STATE, *kinds.ROOTS)
    return order.index(event.kind) if event.kind in order else len(order), event.created_at
