"""The five stages as calls. Read this first.

    text ─desired─▶ Desired ─observe─▶ Observed ─plan─▶ Plan ─guard─▶ go / refuse
                                ▲                         │
                                └── read back ◀──apply────┘ ──▶ Report

No stage calls another, and each takes and gives frozen values. Only `observe` reads the world, and
only `apply` writes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from reconciler.apply import apply
from reconciler.desired import parse
from reconciler.errors import OurFault
from reconciler.facts import seen
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import select
from reconciler.guard import contract, judge, withheld
from reconciler.model.codec import digest
from reconciler.model.desired import Desired
from reconciler.model.observed import Memory, Observed, Seen
from reconciler.model.options import Options
from reconciler.model.outcome import Finding, Outcome
from reconciler.model.plan import Entry, Plan
from reconciler.observe import observe
from reconciler.plan import plan
from reconciler.plan.submissions import remembered
from reconciler.saved import differences, only, still_valid
from reconciler.settling import Settling, delegated
from reconciler.world import Signer, Watcher, World

Connect = Callable[[Desired], AbstractContextManager[World]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a run went. `stale` lists where a saved plan and the world disagree; nothing was written
    then. `remaining` is the plan of the world as it was left; None when nothing was applied.
    `notes` say what this machine could not write down, `fell` which parts of a saved plan are not
    valid any more, and what else is wanted now; neither was done.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    stale: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    remaining: Plan | None = None
    notes: tuple[str, ...] = ()
    fell: tuple[str, ...] = ()


def run(
    text: bytes,
    place: str,
    options: Options,
    connect: Connect,
    signer: Signer | None,
    watcher: Watcher,
    on_plan: Callable[[Plan, tuple[Finding, ...]], None],
) -> Run:
    """One run, from text to the world.

    Args:
        text: the desired state.
        place: the name of its file, for messages.
        options: plan or apply, and how much of it.
        connect: opens the world of a desired state.
        signer: needed only where the plan signs.
        watcher: hears of progress, and says when to stop.
        on_plan: is shown the plan before anything is written.

    Raises:
        UserFault: the desired state is wrong.
        OurFault: the plan breaks its own contract.
    """
    desired = parse(text, place=place)
    selection = select(desired, options.limit, options.shard)
    with connect(desired) as world:
        every = 1 if options.deep else desired.policies.deep if options.write else 0
        observed = observe(desired, world, watcher, selection, forks=options.forks, every=every)
        proposed = plan(desired, observed, selection)
        stale: tuple[str, ...] = ()
        fell: tuple[str, ...] = ()
        if options.saved and options.still_valid:
            proposed, fell = still_valid(options.saved, proposed)
        elif options.saved:
            stale = differences(options.saved, proposed)
        findings = _guard(proposed, desired, observed, options)
        on_plan(proposed, findings)
        if not options.write or stale or watcher.stopped() or _mistyped(proposed):
            return Run(plan=proposed, findings=findings, stale=stale, fell=fell)
        kept = withheld(findings)

        def do(part: Plan) -> tuple[Outcome, ...]:
            forks = options.forks
            return apply(part, observed, world, signer, watcher, withheld=kept, forks=forks)

        settling = Settling(
            desired=desired,
            selection=selection,
            world=world,
            watcher=watcher,
            forks=options.forks,
            applied=proposed,
            do=do,
        )
        left = settling.settle(observed, do(proposed), wait=options.wait)
        remaining = only(left.remaining, proposed) if fell else left.remaining
        old = [s for view in observed.views for s in view.submitted]
        sent = remembered(old, proposed.actions, left.outcomes, now=world.now())
        served = frozenset().union(*(view.served for view in observed.views))
        shown = (event for event in observed.events if event.id in served)
        known = Knowledge.of(shown, now=observed.at)
        marks = seen.remembered(observed, known, selection.of(desired, known))
        memory = Memory(submissions=sent, delegated=delegated(left.remaining, observed))
        return Run(
            plan=proposed,
            findings=findings,
            outcomes=left.outcomes,
            remaining=remaining,
            notes=_remember(world, memory, marks, observed),
            fell=fell,
        )


def _remember(
    world: World, sent: Memory, marks: Sequence[Seen], observed: Observed
) -> tuple[str, ...]:
    """Write the memory down. Losing it costs work, never the outcome of what was done."""
    served = {event.id for event in observed.events} - {event.id for event in observed.unserved}
    try:
        world.remember(sent)
        world.note(marks)
        world.store([event for event in world.unserved() if event.id not in served])
    except OSError as error:
        return (f"the memory of this run could not be written: {error.strerror}",)
    return ()


def _mistyped(proposed: Plan) -> bool:
    """Does a `--limit` match nothing, although everybody answered? Then nothing is written."""
    return proposed.complete and any(slip.entry is Entry.LIMIT for slip in proposed.unmatched)


def _guard(
    proposed: Plan, desired: Desired, observed: Observed, options: Options
) -> tuple[Finding, ...]:
    if broken := contract(proposed, desired):
        raise OurFault("the plan breaks its contract: " + "; ".join(broken[:5]))
    # what was accepted of a saved plan holds for a part of it, too
    ours = [digest(proposed), *([digest(options.saved)] if options.saved else [])]
    accepted = {
        guard for guard, theirs in options.accept if any(d.startswith(theirs) for d in ours)
    }
    return judge(proposed, desired, observed, accepted)
