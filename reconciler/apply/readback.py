"""Accepted is not done: only a later look at the world says what has become of an action. Pure.

An action is done when nobody wants it any more and what it was to bring is there. Not to be wanted
is not enough: a hold may have come between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.git.advertisement import ZERO
from reconciler.model.actions import Action
from reconciler.model.observed import Listing, Observed
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Plan, Verdict


def confirm(
    outcomes: Sequence[Outcome], plan: Plan, remaining: Plan, observed: Observed, *, last: bool
) -> tuple[Outcome, ...]:
    """Turn "accepted" into "done" where the world shows it.

    Args:
        outcomes: what apply wrote down.
        plan: the plan that was applied.
        remaining: the plan of the observation that followed.
        observed: that observation.
        last: whether nobody will look again: what is not there now has failed.
    """
    actions = {action.key: action for action in plan.actions}
    look = _Look.of(plan, remaining, observed)
    found = [look.confirmed(outcome, actions[outcome.key]) for outcome in outcomes]
    if not last:
        return tuple(found)
    return tuple(look.ended(outcome, actions[outcome.key]) for outcome in found)


@dataclass(frozen=True)
class _Look:
    """What a look tells: what is `wanted` still (keys), and where it could not see. `left` are the
    keys of what servers were to do by themselves."""

    observed: Observed
    left: frozenset[str]
    wanted: frozenset[str]
    silent: frozenset[str]
    unseen: frozenset[tuple[object, str]]

    @classmethod
    def of(cls, plan: Plan, remaining: Plan, observed: Observed) -> _Look:
        unknown = (c for c in remaining.cells if c.verdict is Verdict.UNKNOWN)
        return cls(
            observed,
            plan.left,
            frozenset(action.key for action in remaining.actions),
            frozenset(server.url for server in remaining.servers if server.unknown),
            frozenset((cell.coordinate, cell.server) for cell in unknown),
        )

    def confirmed(self, outcome: Outcome, action: Action) -> Outcome:
        wanted = action.later_key in self.wanted
        if outcome.result is Result.UNCHANGED and wanted and action.key in self.left:
            # it was there, and is not any more: the server is still at work
            return replace(outcome, result=Result.DELEGATED, detail="")
        refused = outcome.result is Result.FAILED and action.tolerant
        if outcome.result not in (Result.SETTLING, Result.DELEGATED) and not refused:
            return outcome
        if wanted or self._blind(action) or not self._shows(action):
            return outcome
        if outcome.result is Result.DELEGATED:
            return replace(outcome, result=Result.UNCHANGED, detail="the server got it by itself")
        return replace(outcome, result=Result.DONE, detail="")

    def ended(self, outcome: Outcome, action: Action) -> Outcome:
        """A yes that shows nothing is a failure, where it cannot be waiting."""
        said = "" if self._blind(action) else self._hollow_yes(outcome, action)
        return replace(outcome, result=Result.FAILED, detail=said) if said else outcome

    def _hollow_yes(self, outcome: Outcome, action: Action) -> str:
        """What to say of something that was taken and is not there; empty where it may wait."""
        wanted = action.later_key in self.wanted
        if outcome.result is Result.UNCHANGED and action.sends and wanted:
            return f"the server says that it has it, and does not serve it: {outcome.detail}"
        if outcome.result is not Result.SETTLING:
            return ""
        if not action.sends:
            return "the server took the push, and does not show it"
        waits = action.may_wait or not wanted
        return "" if waits else "the server said yes, and does not serve it"

    def _blind(self, action: Action) -> bool:
        """Could it not be seen? An event is read back from the relay alone; refs are not."""
        server = action.server or ""
        unseen = not action.sends and (action.coordinate, server) in self.unseen
        return server in self.silent or unseen

    def _shows(self, action: Action) -> bool:
        """Is what it was to bring there? Of versions, a newer one will do; a deletion may be
        carried out and not kept."""
        view = next((v for v in self.observed.views if v.url == action.server), None)
        if view is None or action.tolerant:
            return True
        if action.sends:
            return action.sends in view.served or action.versioned
        refs = view.refs(action.coordinate)
        have = dict(refs.refs) if isinstance(refs, Listing) else {}
        return all(have.get(update.name, ZERO) == update.new for update in action.changes)
