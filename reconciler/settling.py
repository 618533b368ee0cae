"""After writing: look again at what is on its way, until it has arrived or the wait is over.

Only cells in flight are looked at, at growing intervals. What a server was left to do and has not
done in its time is ours again, and is done in this run if there is time for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.apply import confirm
from reconciler.facts.selection import Selection
from reconciler.limits import MEMORY_SECONDS, SETTLE_SECONDS
from reconciler.model.desired import Desired
from reconciler.model.observed import Delegated, Observed
from reconciler.model.outcome import WRITTEN, Outcome, Result
from reconciler.model.plan import HoldReason, Plan, Verdict
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.observe import look_again
from reconciler.plan import plan
from reconciler.world import Watcher, World

_FIRST_SECONDS, _GROWTH, _LONGEST_SECONDS = 0.5, 1.5, 10.0
"""Between the looks."""
_MOVED = frozenset({Result.UNCHANGED, Result.STALE})
"""Results that tell of another world than the one that was planned for."""
_OPEN = frozenset({Result.SETTLING, Result.DELEGATED})
_STOPS = frozenset(Result) - WRITTEN - _OPEN - {Result.UNCHANGED}

Do = Callable[[Plan], Sequence[Outcome]]
"""Carries out a plan, or a part of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`remaining` is the plan of the world as it was left."""

    outcomes: tuple[Outcome, ...]
    observed: Observed
    remaining: Plan


@dataclass(frozen=True, kw_only=True)
class Settling:
    """What was planned, and how the world is asked about it."""

    desired: Desired
    selection: Selection
    world: World
    watcher: Watcher
    forks: int
    applied: Plan
    do: Do

    def settle(self, observed: Observed, outcomes: tuple[Outcome, ...], *, wait: float) -> Settled:
        """Look until all has arrived.

        Args:
            observed: the world before anything was written.
            outcomes: what came of the actions so far.
            wait: seconds that are given to what servers do by themselves.
        """
        now = Settled(
            outcomes=outcomes,
            observed=_given(observed, self.applied),
            remaining=self.applied,
        )
        tolerant = {action.key for action in self.applied.actions if action.tolerant}
        flying = self._cells(outcomes, WRITTEN | _MOVED | _OPEN)
        flying |= self._cells(outcomes, {Result.FAILED}, tolerant)
        if not flying:
            return now
        self.watcher.stage("settle", len(flying))
        start, pause = self.world.seconds(), _FIRST_SECONDS
        while True:
            looked = self._looked(now, flying)
            if self.watcher.stopped():
                return now  # a look that a stop cut short tells nothing
            now, late = looked, self._late(looked)
            now = replace(now, outcomes=_merged(now.outcomes, self._do(late)))
            still = self._cells(now.outcomes, _OPEN) | self._cells(now.outcomes, Result, late)
            still |= self._restless(now)
            self._say(flying - still)
            flying = still
            spent = self.world.seconds() - start
            worth = self._worth(now, wait) if still else 0.0
            if not late and spent + pause > min(worth, spent + self.world.left()):
                break
            if not late:
                self.world.settle(pause)
                pause = min(pause * _GROWTH, _LONGEST_SECONDS)
        ended = confirm(now.outcomes, self.applied, now.remaining, now.observed, last=True)
        return replace(now, outcomes=ended)

    def _looked(self, before: Settled, cells: Collection[tuple[Coordinate, str]]) -> Settled:
        """The world as those cells are now."""
        names = {coordinate.identifier for coordinate, _ in cells}
        # a state aligns every repository of its identifier
        only = {r.coordinate for r in self.applied.repositories if r.coordinate.identifier in names}
        observed = look_again(
            self.desired,
            self.world,
            _Silent(self.watcher),
            replace(self.selection, only=frozenset(only)),
            before.observed,
            {server for _, server in cells},
            forks=self.forks,
        )
        remaining = plan(self.desired, observed, self.selection)
        outcomes = confirm(before.outcomes, self.applied, remaining, observed, last=False)
        return Settled(outcomes=outcomes, observed=observed, remaining=remaining)

    def _do(self, keys: Collection[str]) -> Sequence[Outcome]:
        """A part of the plan that was approved, and nothing else."""
        actions = tuple(action for action in self.applied.actions if action.key in keys)
        return self.do(replace(self.applied, actions=actions, delegated=())) if keys else ()

    def _late(self, now: Settled) -> frozenset[str]:
        """What was left to a server whose time is over, and is wanted still."""
        left = {o.key for o in now.outcomes if o.result is Result.DELEGATED}
        wanted = {action.key for action in now.remaining.actions} - now.remaining.left
        late = left & wanted
        broken = self._broken(now.outcomes) if late else set()
        return frozenset(
            action.key
            for action in self.applied.actions
            if action.key in late and (action.coordinate, action.server) not in broken
        )

    def _broken(self, outcomes: Iterable[Outcome]) -> set[tuple[Coordinate, str | None]]:
        """Cells in which something that others hang from did not go: nothing begins in the middle
        of a repository."""
        actions = {action.key: action for action in self.applied.actions}
        return {
            (action.coordinate, place)
            for outcome in outcomes
            if outcome.result in _STOPS and not (action := actions[outcome.key]).leaf
            for place in action.places
        }

    def _worth(self, now: Settled, wait: float) -> float:
        """How long the first of what is open may be waited for: an event that is accepted and
        unseen may be so for half an hour, unless somebody works on it."""
        open_ = {outcome.result for outcome in now.outcomes} & _OPEN
        fetches = any(h.reason is HoldReason.SERVER_MUST_FETCH for h in now.remaining.holds)
        if Result.DELEGATED in open_ or (fetches and open_):
            return wait
        return min(wait, SETTLE_SECONDS)

    def _restless(self, now: Settled) -> set[tuple[Coordinate, str]]:
        """Cells that were written to and do not agree yet, although all that was sent is there:
        some servers drop refs and move HEAD a moment after they have answered."""
        written = self._cells(now.outcomes, WRITTEN)
        agree = {
            (cell.coordinate, cell.server)
            for cell in now.remaining.cells
            if cell.verdict in (Verdict.IN_SYNC, Verdict.UNKNOWN)
        }
        cells = {(cell.coordinate, cell.server) for cell in now.remaining.cells}
        return (written & cells) - agree

    def _cells(
        self,
        outcomes: Iterable[Outcome],
        results: Iterable[Result],
        among: Collection[str] | None = None,
    ) -> set[tuple[Coordinate, str]]:
        """Where something ended so."""
        actions = {action.key: action for action in self.applied.actions}
        wanted = frozenset(results)
        ended = [o for o in outcomes if o.result in wanted and (among is None or o.key in among)]
        return {(actions[o.key].coordinate, o.server) for o in ended if o.server}

    def _say(self, arrived: Iterable[tuple[Coordinate, str]]) -> None:
        for _, server in arrived:
            self.watcher.step(urls.host(server))


@dataclass(frozen=True)
class _Silent:
    """A watcher of looks that nobody need hear of."""

    watcher: Watcher

    def stage(self, name: str, total: int) -> None:
        """Not told."""

    def step(self, text: str) -> None:
        """Not told."""

    def stopped(self) -> bool:
        """Did somebody ask to stop?"""
        return self.watcher.stopped()


def _given(observed: Observed, applied: Plan) -> Observed:
    """The observation, with the time that this run's plan gives to servers."""
    given: defaultdict[str, dict[Coordinate, tuple[int, int]]] = defaultdict(dict)
    for one in applied.delegated:
        given[one.server][one.coordinate] = (one.since, one.until)
    sent = {(action.server, action.sent_as) for action in applied.actions}
    views = (
        replace(
            view,
            delegated=tuple(sorted((dict(view.delegated) | given[view.url]).items())),
            # what is sent again now is no longer only remembered
            submitted=tuple(s for s in view.submitted if (s.server, s.event_id) not in sent),
        )
        for view in observed.views
    )
    return replace(observed, views=tuple(views))


def delegated(remaining: Plan, observed: Observed) -> tuple[Delegated, ...]:
    """The memory of what is left to servers, and of what was and is still wanted: time that was
    given once is not given again. What this run could not judge is remembered as it was."""
    known = {(d.server, d.coordinate): d for d in _remembered(observed)}
    judged = {
        (cell.server, cell.coordinate)
        for cell in remaining.cells
        if cell.verdict is not Verdict.UNKNOWN
    }
    kept = {place: d for place, d in known.items() if place not in judged}
    kept |= {
        (d.server, d.coordinate): Delegated(d.server, d.coordinate, d.since, d.until)
        for d in remaining.delegated
    }
    return tuple(d for d in kept.values() if observed.at < d.until + MEMORY_SECONDS)


def _remembered(observed: Observed) -> Iterable[Delegated]:
    for view in observed.views:
        for coordinate, (since, until) in view.delegated:
            yield Delegated(view.url, coordinate, since, until)


def _merged(before: Sequence[Outcome], now: Iterable[Outcome]) -> tuple[Outcome, ...]:
    later = {outcome.key: outcome for outcome in now}
    return tuple(later.get(outcome.key, outcome) for outcome in before)
