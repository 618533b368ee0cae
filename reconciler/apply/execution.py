"""The errands of all servers, side by side: no server waits for another, no repository for the
next one's wave. Signatures come first, because everything may hang from them.

An action whose cell has failed before is not attempted; other cells go on. Every write carries its
precondition, and what the server answers is written down, not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from reconciler.apply.errands import Errand, errands
from reconciler.apply.ledger import End, Ledger
from reconciler.apply.work import Work
from reconciler.errors import NotSigned, ReconcileError
from reconciler.model.actions import Action, Push, Sign, Wave
from reconciler.model.observed import Observed
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Plan
from reconciler.world import Failure, Signer, Stale, Watcher, World

_LANES = 5
"""Repositories of one server that are worked on at the same time; its throttle may allow fewer."""
_AT_ONCE = 50
"""Events that are sent before their answers are read."""


def apply(
    plan: Plan,
    observed: Observed,
    world: World,
    signer: Signer | None,
    watcher: Watcher,
    *,
    withheld: frozenset[str] = frozenset(),
    forks: int,
) -> tuple[Outcome, ...]:
    """Carry out a plan; one outcome for each of its actions, in the plan's order.

    Args:
        plan: what to do.
        observed: holds the events that are to be sent on.
        world: the outside.
        signer: None when no keys were given; signatures then fail, and what needs them waits.
        watcher: hears of progress; after a stop nothing new is begun.
        withheld: keys that the guard keeps back.
        forks: servers that are worked on at the same time.
    """
    events = {event.id: event for event in (*observed.events, *world.unserved())}
    work = Work(plan=plan, world=world, watcher=watcher, events=events)
    fresh = {(a.coordinate, a.server) for a in plan.actions if a.wave is Wave.ANNOUNCE and a.server}
    ledger = Ledger(world=world, watcher=watcher, fresh=frozenset(fresh))
    run = _Execution(work, ledger, world)
    watcher.stage("apply", len(plan.actions))
    left = plan.left
    for action in plan.actions:
        if action.key in withheld:
            ledger.end(action, End(Result.HELD, "the guard keeps it back"))
        elif action.key in left:
            ledger.end(action, End(Result.DELEGATED, "the server gets it from another one"))
    for sign in plan.signs:
        if ledger.may(sign, signed=True):
            run.sign(sign, signer)
    hosts = {server.url for server in plan.servers if server.grasp}
    # what was signed is told to others last: what they hear of must be had somewhere
    told = [a for a in plan.actions if a.server not in hosts or a.wave is Wave.UPDATE]
    done = [a for a in plan.actions if a.server in hosts and a.wave is not Wave.UPDATE]
    with ThreadPoolExecutor(forks) as pool:
        list(pool.map(run.server, errands(done).values()))
        list(pool.map(run.broadcast, errands(told).values()))
    return tuple(ledger.outcomes[action.key] for action in plan.actions)


@dataclass(frozen=True)
class _Execution:
    work: Work
    ledger: Ledger
    world: World

    def sign(self, sign: Sign, signer: Signer | None) -> None:
        """One signature, unless nothing can be done with it any more."""
        # what waits for a person waits once: everything that the run wants is asked for
        if (end := self.ledger.nowhere(sign)) and end.result is not Result.HELD:
            self.ledger.end(sign, End(Result.SKIPPED, f"after: {end.detail}"))
        else:
            self.attempt(sign, partial(self.work.sign, sign, signer))

    def broadcast(self, queue: Sequence[Errand]) -> None:
        """Everything that only tells of what others hold, but what no server took."""
        signs = {sign.draft.id: sign for sign in self.work.plan.signs}
        for action in (action for errand in queue for action in errand.actions):
            sign = signs.get(action.sends or "")
            why = self.ledger.nowhere(sign) if sign else None
            if why and action.key not in self.ledger.outcomes:
                later = why.result is Result.DEFERRED
                nobody = End(Result.SKIPPED, "after: no server took what it names")
                self.ledger.end(action, why if later else nobody)
        self.server(queue)

    def server(self, queue: Sequence[Errand]) -> None:
        """Everything that one server needs."""
        with ThreadPoolExecutor(min(_LANES, len(queue))) as lanes:
            list(lanes.map(self.errand, queue))

    def errand(self, errand: Errand) -> None:
        """One repository on one server, wave after wave."""
        paid = self._book(errand)
        for wave in errand.waves:
            events = [action for action in wave if action.sends]
            paid -= self._publish(errand.server, events, paid if wave[0].is_head else 0)
            for action in wave:
                if isinstance(action, Push) and self._may(action):
                    self.attempt(action, partial(self.work.push, action))

    def attempt(self, action: Action, do: Callable[[], End]) -> None:
        """Run one action and end it, whatever happens."""
        start = self.world.seconds()
        try:
            end = do()
        except Stale as stale:
            end = End(Result.STALE, str(stale))
        except Failure as failure:
            end = End.of(failure, now=self.world.now())
        except NotSigned as waits:
            end = End(Result.HELD, str(waits))
        except ReconcileError as error:
            end = End(Result.FAILED, str(error))
        except OSError as error:
            # a full disk, mostly: what was done already must still be told
            end = End(Result.FAILED, f"this machine: {error.strerror} ({error.filename})")
        self.ledger.end(action, end, self.world.seconds() - start)

    def _book(self, errand: Errand) -> int:
        """Have the server's budget pay for everything that is of no use alone, or defer it all: a
        repository that is announced and not stated is half a one. How many are paid for."""
        head = [action for action in errand.head if self._may(action)]
        if not head:
            return 0
        try:
            return self.world.afford(errand.server, len(head), least=len(head))
        except Failure as failure:
            self._end(head, failure)
            return 0

    def _publish(self, server: str, actions: Sequence[Action], paid: int) -> int:
        """The events of one wave, as many at a time as the server's budget pays for; how many of
        those that are `paid` for already were sent."""
        waiting = [action for action in actions if self._may(action) and self._is_kept(action)]
        left = paid
        while waiting:
            start = self.world.seconds()
            try:
                count = min(len(waiting), _AT_ONCE)
                count = min(count, left) if left else self.world.afford(server, count)
                ends = self.work.send(server, waiting[:count])
            except Failure as failure:
                self._end(waiting, failure)
                break
            left -= min(left, count)
            seconds = (self.world.seconds() - start) / count
            for action, end in zip(waiting, ends, strict=False):
                self.ledger.end(action, end, seconds)
            waiting = [action for action in waiting[count:] if self._may(action)]
        return paid - left

    def _is_kept(self, action: Action) -> bool:
        """Is what this event makes the server drop in the archive?"""
        try:
            self.work.keep(action)
        except Failure as failure:
            why = f"what it drops could not be kept: {failure}"
            self.ledger.end(action, End(Result.FAILED, why))
            return False
        return True

    def _may(self, action: Action) -> bool:
        signed = not action.sends or action.sends in self.work.events
        return self.ledger.may(action, signed=signed)

    def _end(self, actions: Sequence[Action], failure: Failure) -> None:
        for action in actions:
            self.ledger.end(action, End.of(failure, now=self.world.now()))
