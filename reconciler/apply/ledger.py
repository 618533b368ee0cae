"""What came of every action so far, and what may therefore still begin. Safe between threads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock

from reconciler.model.actions import Action, Sign, Wave
from reconciler.model.observed import BadSource, Cause, Unknown
from reconciler.model.outcome import Outcome, Result
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure, NotGathered, Watcher, World

_BREAKS = frozenset({Result.FAILED, Result.UNREACHABLE, Result.STALE, Result.HELD, Result.DEFERRED})
"""Results after which the later waves of the same cell are not attempted."""
_FAILURES = frozenset({Cause.PROTOCOL, Cause.HTTP, Cause.NOT_FOUND, Cause.LOCAL})
"""What says no, a server or this machine; anything else could not be reached."""


@dataclass(frozen=True, slots=True)
class End:
    """How an action ended; `again` is the time (seconds since 1970) from which a deferred one makes
    sense again. `bad_sources` should have given objects for it."""

    result: Result
    detail: str = ""
    again: int | None = None
    bad_sources: tuple[BadSource, ...] = ()

    @classmethod
    def of(cls, failure: Failure, *, now: int) -> End:
        """What a failure of the world's means for the action that met it."""
        if failure.until is not None:
            return cls(Result.DEFERRED, str(failure), failure.until)
        bad = failure.bad if isinstance(failure, NotGathered) else ()
        return replace(cls.without(failure.unknown, now=now), bad_sources=bad)

    @classmethod
    def without(cls, unknown: Unknown, *, now: int) -> End:
        """What the lack of an answer means."""
        if unknown.cause in (Cause.RATE, Cause.BUDGET):
            return cls(Result.DEFERRED, str(unknown), now)
        if unknown.cause is Cause.STOPPED:
            return cls(Result.SKIPPED, str(unknown))
        refused = unknown.cause in _FAILURES
        return cls(Result.FAILED if refused else Result.UNREACHABLE, str(unknown))


@dataclass(kw_only=True)
class Ledger:
    """One row for each action; every table is written under the lock. `fresh` are the cells that
    this plan announces: nothing there stands without its state."""

    world: World
    watcher: Watcher
    fresh: frozenset[tuple[Coordinate, str]] = frozenset()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    _broken: dict[tuple[Coordinate, str], End] = field(default_factory=dict)
    _stateless: dict[tuple[Coordinate, str], End] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def end(self, action: Action, end: End, seconds: float = 0.0) -> None:
        """Write one outcome down; what fails breaks its cell for the waves that follow."""
        with self._lock:
            self.outcomes[action.key] = Outcome(
                key=action.key,
                verb=action.verb,
                server=action.server,
                result=end.result,
                detail=end.detail,
                seconds=seconds,
                moved=tuple(update for update in action.changes if not update.creates),
                again=end.again,
                bad_sources=end.bad_sources,
            )
            # a lost reply keeps no other back; a budget that is used up keeps all of them
            if end.result in _BREAKS and (not action.leaf or end.result is Result.DEFERRED):
                broken = self._stateless if action.narrow else self._broken
                broken |= {(action.coordinate, place): end for place in action.places}
        self.watcher.step(f"{action.verb} {end.result}")

    def nowhere(self, sign: Sign) -> End | None:
        """Why nothing that this is signed for can get it any more; None while something can."""
        ends = [self._broken.get((sign.coordinate, place)) for place in sign.places]
        return ends[0] if ends and all(ends) else None

    def may(self, action: Action, *, signed: bool) -> bool:
        """May this action begin? If not, its outcome is written.

        Args:
            action: of which server it is, it knows.
            signed: whether the event that it sends, if any, exists.
        """
        if action.key in self.outcomes:
            return False
        if end := self._in_the_way(action, signed=signed):
            self.end(action, end)
        return end is None

    def _in_the_way(self, action: Action, *, signed: bool) -> End | None:
        if self.watcher.stopped():
            return End(Result.SKIPPED, "after: the run was stopped")
        cell = (action.coordinate, action.server or "")
        broken = self._broken.get(cell)
        if action.wave in (Wave.STATE, Wave.PUSH) or cell in self.fresh:
            broken = broken or self._stateless.get(cell)
        if broken:
            if broken.result is Result.DEFERRED:
                return broken
            return End(Result.SKIPPED, f"after: {broken.detail}")
        if self.world.left() <= 0:
            return End(Result.DEFERRED, "the time of this run is used up", self.world.now())
        if not signed:
            return End(Result.SKIPPED, "after: the event could not be signed")
        return None
