"""One source, asked for what one identifier lacks: turn by turn, within its domain's throttle.

all that is missing ─"not our ref"─▶ without that one ─"not our ref"─▶ read what it advertises
─▶ only that
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from reconciler.errors import NetworkFault, PeerFault
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.hunt import fetch
from reconciler.sandbox.hunt.egress import EgressPolicy, Endpoint, Unreachable
from reconciler.sandbox.hunt.missing import Missing, missing_objects
from reconciler.sandbox.hunt.turns import Turns
from reconciler.sandbox.metrics.figures import Tally
from reconciler.sandbox.runtime import Runtime

_ROUNDS: Final = 6
"""Starts of one session: two drops, one reading of refs, and a fetch each for three owners."""
_DROPS: Final = 2
"""Objects that are dropped one by one; when more are absent, reading the refs once is cheaper."""


@dataclass(frozen=True, slots=True)
class HuntContext:
    """What every session uses."""

    runtime: Runtime
    turns: Turns
    egress: EgressPolicy
    tally: Tally

    async def missing(self, identifier: str) -> Missing:
        """What an identifier lacks now."""
        return await self.runtime.run(missing_objects, self.runtime.service, identifier)


class SourceSession:
    """`busy_since` is event-loop time; None while it waits for a turn. `gave_up`: the source
    may not be contacted at all."""

    def __init__(self, context: HuntContext, identifier: str, source: str) -> None:
        self.busy_since: float | None = asyncio.get_running_loop().time()
        self.gave_up = False
        self.source = source
        self._context = context
        self._identifier = identifier
        self._absent: frozenset[str] = frozenset()
        self._offered: frozenset[str] | None = None

    async def run(self) -> None:
        """Ask until the source has given what it has. A failure ends the session, nothing else."""
        try:
            endpoint = await self._context.runtime.run(self._context.egress.resolve, self.source)
        except Unreachable:
            self.gave_up = True
            self._context.tally.sources_refused += 1
            return
        try:
            for _ in range(_ROUNDS):
                if not await self._turn(endpoint):
                    return
        except (NetworkFault, PeerFault):
            self._context.tally.failed_fetches += 1

    async def _turn(self, endpoint: Endpoint) -> bool:
        """One start at the source. Is there more to ask it for?"""
        context = self._context
        if self._next(await context.missing(self._identifier)) is None:
            return False
        self.busy_since = None
        async with context.turns.turn(endpoint.domain, self._identifier) as turn:
            self.busy_since = asyncio.get_running_loop().time()
            # Asked again: while this waited for its turn, somebody else may have brought it.
            chosen = self._next(await context.missing(self._identifier))
            if chosen is None:
                turn.unused()
                return False
            context.tally.requested(endpoint.domain)
            return await self._ask(endpoint, *chosen)

    async def _ask(self, endpoint: Endpoint, target: Coordinate, oids: frozenset[str]) -> bool:
        context = self._context
        if len(self._absent) >= _DROPS and self._offered is None:
            self._offered = await fetch.advertised(context.runtime, endpoint, target)
            return True
        fetched = await fetch.fetch(context.runtime, endpoint, target, oids)
        if fetched.refused:
            self._absent |= {fetched.refused}
        elif fetched.arrived:
            context.tally.fetches += 1
            context.tally.oids_fetched += len(fetched.arrived)
        else:
            context.tally.failed_fetches += 1
            return False
        return True

    def _next(self, lacking: Missing) -> tuple[Coordinate, frozenset[str]] | None:
        """A repository here, and what to ask for it: not what the source is known not to have."""
        for target, oids in lacking.targets.items():
            asked = oids - self._absent
            if self._offered is not None:
                asked &= self._offered
            if asked:
                return target, asked
        return None
