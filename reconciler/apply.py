"""Stage five: do what the plan says, and nothing else.

Signatures come first. Then every server is worked on by itself, wave after wave; pushes of one wave
run side by side. An action whose cell has failed before is not attempted; other cells go on. Every
write carries its precondition, and what the server answers is written down, not believed: the run
is judged by a new observation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from threading import Lock

from reconciler.errors import ReconcileError
from reconciler.model.actions import Action, Push, Sign
from reconciler.model.observed import Cause, Observed
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Plan, Verdict
from reconciler.nostr import kinds
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Ok
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure, NotGathered, Pushed, Signer, Stale, Watcher, World

_SUPERSEDED = ("error: unknown", "duplicate:", "replaced:")
"""Refusals that mean "already there, or something newer is" (ngit-grasp; docs/protocol.md §1.3)."""
_PASSING = frozenset({Cause.TIMEOUT, Cause.CUT, Cause.REFUSED, Cause.RESOLVE, Cause.RATE})
"""Why objects could not be had that may be there all the same."""
_BREAKS = frozenset({Result.FAILED, Result.UNREACHABLE, Result.STALE, Result.HELD})
"""Results after which the later waves of the same cell are not attempted."""


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
    run = _Run(
        plan=plan,
        world=world,
        watcher=watcher,
        events={event.id: event for event in observed.events},
    )
    watcher.stage("apply", len(plan.actions))
    for action in plan.actions:
        if action.key in withheld:
            run.end(action, Result.HELD, "the guard keeps it back")
    for sign in plan.signs:
        run.attempt(sign, partial(run.sign, sign, signer))
    by_server = _by_server(plan.actions)
    with ThreadPoolExecutor(forks) as pool:
        list(pool.map(run.server, by_server.keys(), by_server.values()))
    return tuple(run.outcomes[action.key] for action in plan.actions)


@dataclass(kw_only=True)
class _Run:
    """The moving parts of one apply; every table is written under the lock."""

    plan: Plan
    world: World
    watcher: Watcher
    events: dict[str, Event]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    broken: dict[tuple[Coordinate, str], str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def server(self, server: str, actions: Sequence[Action]) -> None:
        """All waves of one server, in order."""
        for _, wave in groupby(actions, key=lambda action: action.wave):
            self._wave(server, [action for action in wave if self._may(server, action)])

    def sign(self, sign: Sign, signer: Signer | None) -> tuple[Result, str]:
        """Sign, unless somebody announced anew since the plan was made (compare and swap)."""
        if signer is None or signer.public_key(sign.signer) is None:
            return Result.HELD, f"no key named {sign.signer!r} was given (--keys)"
        coordinate = sign.coordinate
        newest = Filter(
            kinds=(kinds.ANNOUNCEMENT,),
            authors=(coordinate.owner,),
            tags=(("d", (coordinate.identifier,)),),
        )
        before = self.events[sign.before]
        for server in (s for s in self.plan.servers if s.unknown is None):
            for event in self.world.relay(server.url).query([newest]):
                if newest_first(event) < newest_first(before):
                    raise Stale(f"a newer announcement, {event.id[:12]}, is on {server.name}")
        event = signer.sign(sign.signer, sign.draft)
        self.events[event.id] = event
        return Result.DONE, ""

    def end(self, action: Action, result: Result, detail: str = "", seconds: float = 0.0) -> None:
        """Write one outcome down; what fails breaks its cell for the waves that follow."""
        with self.lock:
            moved = tuple(update for update in action.changes if not update.creates)
            self.outcomes[action.key] = Outcome(
                key=action.key,
                verb=action.verb,
                server=action.server,
                result=result,
                detail=detail,
                seconds=seconds,
                moved=moved,
            )
            if result in _BREAKS and not action.leaf:
                self.broken |= {(action.coordinate, place): detail for place in action.places}
        self.watcher.step(f"{action.verb} {result}")

    def attempt(self, action: Action, do: Callable[[], tuple[Result, str]]) -> None:
        """Run one action and end it, whatever happens."""
        if action.key in self.outcomes:
            return
        start = self.world.seconds()
        try:
            result, detail = do()
        except Stale as stale:
            result, detail = Result.STALE, str(stale)
        except Failure as failure:
            result, detail = _result_of(failure), str(failure)
        except ReconcileError as error:
            result, detail = Result.FAILED, str(error)
        except OSError as error:
            # a full disk, mostly: what was done already must still be told
            result, detail = Result.FAILED, f"this machine: {error.strerror} ({error.filename})"
        self.end(action, result, detail, self.world.seconds() - start)

    def _may(self, server: str, action: Action) -> bool:
        """May this action begin? If not, its outcome is written."""
        if action.key in self.outcomes:
            return False
        cause = self.broken.get((action.coordinate, server))
        if action.sends and action.sends not in self.events:
            cause = cause or "the event could not be signed"
        if self.watcher.stopped():
            cause = "the run was stopped"
        if cause:
            self.end(action, Result.SKIPPED, f"after: {cause}")
        return not cause

    def _wave(self, server: str, actions: Sequence[Action]) -> None:
        self._publish(server, [action for action in actions if action.sends])
        pushes = [action for action in actions if isinstance(action, Push)]
        if pushes:
            with ThreadPoolExecutor(min(8, len(pushes))) as pool:
                list(pool.map(lambda push: self.attempt(push, partial(self._push, push)), pushes))

    def _keep(self, server: str, action: Action) -> None:
        """What a server will drop is brought into the archive first: it may stand nowhere else.

        A server that cannot give it any more has nothing to lose. Raises Failure.
        """
        forced = {(one.server, one.old): one for one in self.plan.forced}
        for update in action.changes:
            if update.creates or (not update.deletes and (server, update.old) not in forced):
                continue
            try:
                self.world.keep(action.coordinate, update.old, (server,))
            except NotGathered as failure:
                if any(bad.unknown.cause in _PASSING for bad in failure.bad):
                    raise

    def _is_kept(self, server: str, action: Action) -> bool:
        """May this event be sent? A state makes servers drop refs by themselves."""
        try:
            self._keep(server, action)
        except Failure as failure:
            self.end(action, Result.FAILED, f"what it drops could not be kept: {failure}")
            return False
        return True

    def _push(self, push: Push) -> tuple[Result, str]:
        if self.watcher.stopped():
            return Result.SKIPPED, "the run was stopped"
        self._keep(push.server, push)
        oids = frozenset(update.new for update in push.updates if not update.deletes)
        self.world.gather(push.coordinate, oids, push.sources)
        pushed = self.world.push(push.server, push.coordinate, push.updates)
        if pushed.refused and any(update.deletes for update in push.updates):
            # git deletes no branch that HEAD names, and some families move HEAD after a push only
            pushed = self._in_two(push)
        if not pushed.sent:
            return Result.UNCHANGED, "the server had aligned by itself"
        if pushed.refused:
            name, why = pushed.refused[0]
            return Result.FAILED, f"{len(pushed.refused)} refs refused, {name}: {why}"
        return Result.SETTLING, pushed.words

    def _in_two(self, push: Push) -> Pushed:
        """What is written first, then what is deleted. Raises Failure, Stale."""
        writes = tuple(update for update in push.updates if not update.deletes)
        deletes = tuple(update for update in push.updates if update.deletes)
        # without writes it is the empty push, after which HEAD moves, too
        pushed = self.world.push(push.server, push.coordinate, writes)
        return pushed if pushed.refused else self.world.push(push.server, push.coordinate, deletes)

    def _publish(self, server: str, actions: Sequence[Action]) -> None:
        """All events of one wave through one conversation."""
        actions = [action for action in actions if self._is_kept(server, action)]
        if not actions:
            return
        start = self.world.seconds()
        try:
            events = [self.events[action.sends] for action in actions if action.sends]
            answers = self.world.relay(server).publish(events)
        except Failure as failure:
            for action in actions:
                self.end(action, _result_of(failure), str(failure))
            return
        seconds = (self.world.seconds() - start) / len(actions)
        for action, answer in zip(actions, answers, strict=True):
            self.end(action, *_judge(answer), seconds)


def confirm(outcomes: Sequence[Outcome], plan: Plan, remaining: Plan | None) -> tuple[Outcome, ...]:
    """Turn "accepted" into "done" where a later plan of the world no longer wants the action.

    Args:
        outcomes: what apply wrote down.
        plan: the plan that was applied.
        remaining: the plan of the observation that followed; None when nothing was written.
    """
    if remaining is None:
        return tuple(outcomes)
    left = {action.key for action in remaining.actions}
    silent = {server.url for server in remaining.servers if server.unknown}
    unseen = {(c.coordinate, c.server) for c in remaining.cells if c.verdict == Verdict.UNKNOWN}
    cells = {action.key: action for action in plan.actions}
    return tuple(_confirmed(outcome, cells, left, silent, unseen) for outcome in outcomes)


def _confirmed(
    outcome: Outcome,
    actions: Mapping[str, Action],
    left: set[str],
    silent: set[str],
    unseen: set[tuple[Coordinate, str]],
) -> Outcome:
    action = actions[outcome.key]
    server = outcome.server or ""
    wanted = action.sends and action.later_key in left and server not in silent
    if wanted and (said := _hollow_yes(action, outcome)):
        return replace(outcome, result=Result.FAILED, detail=said)
    refused = outcome.result is Result.FAILED and action.tolerant
    if outcome.result is not Result.SETTLING and not refused:
        return outcome
    # an event is read back from the relay alone; refs are not
    blind = not action.sends and (action.coordinate, server) in unseen
    if action.later_key in left or server in silent or blind:
        return outcome
    return replace(outcome, result=Result.DONE, detail="")


def _hollow_yes(action: Action, outcome: Outcome) -> str:
    """What to say of an event that is taken and still wanted; empty where it may be waiting."""
    if outcome.result is Result.UNCHANGED:
        return f"the server says that it has it, and does not serve it: {outcome.detail}"
    if outcome.result is Result.SETTLING and not action.may_wait:
        return "the server said yes, and does not serve it"
    return ""


def _judge(answer: Ok) -> tuple[Result, str]:
    """OK proves nothing (read-back does); a refusal may yet mean "already so"."""
    if answer.accepted:
        return Result.SETTLING, answer.message
    if answer.message.startswith(_SUPERSEDED):
        return Result.UNCHANGED, answer.message
    return Result.FAILED, answer.message


def _result_of(failure: Failure) -> Result:
    if failure.unknown.cause in (Cause.STOPPED, Cause.BUDGET):
        return Result.SKIPPED
    refused = failure.unknown.cause in (Cause.PROTOCOL, Cause.HTTP, Cause.NOT_FOUND, Cause.RATE)
    return Result.FAILED if refused else Result.UNREACHABLE


def _by_server(actions: Sequence[Action]) -> dict[str, list[Action]]:
    groups: defaultdict[str, list[Action]] = defaultdict(list)
    for action in actions:
        if action.server:
            groups[action.server].append(action)
    return groups
