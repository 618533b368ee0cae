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
from reconciler.model.actions import Action
from reconciler.model.codec import contract_of, digest
from reconciler.model.desired import Desired
from reconciler.model.observed import Memory, Observed, Seen
from reconciler.model.options import Options
from reconciler.model.outcome import Finding, Outcome
from reconciler.model.plan import Entry, Plan
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.observe import observe
from reconciler.plan import plan
from reconciler.plan.submissions import remembered
from reconciler.report.words import deed
from reconciler.settling import Settling, delegated
from reconciler.world import Signer, Watcher, World

Connect = Callable[[Desired], AbstractContextManager[World]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a run went. `stale` lists where a saved plan and the world disagree; nothing was written
    then. `remaining` is the plan of the world as it was left; None when nothing was applied.
    `notes` say what this machine could not write down.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    stale: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    remaining: Plan | None = None
    notes: tuple[str, ...] = ()


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
        findings = _guard(proposed, desired, observed, options)
        on_plan(proposed, findings)
        stale = _differences(options.saved, proposed) if options.saved else ()
        if not options.write or stale or watcher.stopped() or _mistyped(proposed):
            return Run(plan=proposed, findings=findings, stale=stale)
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
            remaining=left.remaining,
            notes=_remember(world, memory, marks, observed),
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
    ours = digest(proposed)
    accepted = {guard for guard, theirs in options.accept if ours.startswith(theirs)}
    return judge(proposed, desired, observed, accepted)


def _differences(saved: Plan, fresh: Plan) -> tuple[str, ...]:
    """Where the saved plan no longer is what would be planned now; empty when it still is."""
    found = []
    if saved.desired_digest != fresh.desired_digest:
        found.append("the desired state was changed after the plan was made")
    old = {action.key: action for action in saved.actions}
    new = {action.key: action for action in fresh.actions}
    names = {r.coordinate: r.name for plan in (saved, fresh) for r in plan.repositories}
    found += [f"no longer needed or possible: {_said(old[k], names)}" for k in old.keys() - new]
    found += [f"new: {_said(new[k], names)}" for k in new.keys() - old]
    both = (k for k in old.keys() & new if contract_of(old[k]) != contract_of(new[k]))
    found += [f"changed: {_said(new[key], names)}" for key in both]
    return tuple(sorted(found))


def _said(action: Action, names: dict[Coordinate, str]) -> str:
    where = f" on {urls.host(action.server)}" if action.server else ""
    return f"{names.get(action.coordinate, action.coordinate.identifier)}: {deed(action)}{where}"
