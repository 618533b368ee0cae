"""`pacing.throttle` for asyncio: wait for a turn at a domain.

No task per domain and no polling while nothing waits: turns are handed out when a ticket is drawn,
when a session ends, and by `tick`, which the engine calls often.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from reconciler.pacing.throttle import Limits, PeerQueue
from reconciler.sandbox.clock import Clock

LIMITS: Final = Limits(concurrent=5, starts=30, seconds=61.0)
"""GRASP-02: 5 at the same time and 30 a minute, of one domain. A second more than the minute,
because the server counts when a request arrives and we when it leaves."""

_Ticket = asyncio.Future[float]


def limits(starts: int | None) -> Limits:
    """So many starts a minute at one host; None: any number, one after the other."""
    return replace(LIMITS, starts=starts) if starts else Limits(concurrent=1, starts=10**6)


class Turn:
    """One start at a domain. Say `unused()` when there was nothing to ask after all."""

    def __init__(self) -> None:
        self.is_unused = True

    def begun(self) -> None:
        """Its turn has come."""
        self.is_unused = False

    def unused(self) -> None:
        """The start does not count."""
        self.is_unused = True


class Turns:
    """The queues of all domains; idle ones are forgotten."""

    def __init__(self, clock: Clock, limits: Limits = LIMITS) -> None:
        self._clock = clock
        self._limits = limits
        self._peers: dict[str, PeerQueue[_Ticket]] = {}

    def __len__(self) -> int:
        """How many domains are remembered."""
        return len(self._peers)

    def queued(self) -> dict[str, int]:
        """Tickets that wait, by domain."""
        return {domain: len(peer) for domain, peer in self._peers.items() if len(peer)}

    def running(self) -> dict[str, int]:
        """Turns that are taken, by domain."""
        return {domain: peer.running for domain, peer in self._peers.items() if peer.running}

    @asynccontextmanager
    async def turn(self, domain: str, repository: str) -> AsyncIterator[Turn]:
        """Wait for this repository's turn at a domain, and hold one of its slots."""
        peer = self._peers.setdefault(domain, PeerQueue(self._limits))
        ticket: _Ticket = asyncio.get_running_loop().create_future()
        peer.queue(repository, ticket)
        self._hand_out(peer)
        turn = Turn()
        try:
            await ticket
            turn.begun()
            yield turn
        finally:
            if ticket.done() and not ticket.cancelled():
                # cancelled between the turn and its use: it was not used either
                peer.end(unused=ticket.result() if turn.is_unused else None)
            peer.withdraw(repository, ticket)
            self._hand_out(peer)

    def tick(self) -> None:
        """Time has passed: hand out what has become possible, forget what is idle."""
        now = self._clock()
        for domain, peer in tuple(self._peers.items()):
            self._hand_out(peer)
            if peer.is_idle(now):
                del self._peers[domain]

    def _hand_out(self, peer: PeerQueue[_Ticket]) -> None:
        now = self._clock()
        while (ticket := peer.turn(now)) is not None:
            if ticket.done():  # its owner was cancelled and has not come round to withdraw it
                peer.end(unused=now)
            else:
                ticket.set_result(now)
