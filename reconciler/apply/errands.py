"""What each server needs, in an order that leaves whole repositories behind wherever it ends. Pure.

A server's work goes by repository and not by wave: one that is announced is also stated and pushed
before a limit or a signal can come between. Repositories that nobody can see there yet come first,
and owners take turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from reconciler.model.actions import Action


@dataclass(frozen=True, slots=True)
class Errand:
    """All that one server needs for the repositories of one identifier (a state aligns them all):
    `waves`, each of which ends before the next begins."""

    server: str
    waves: tuple[tuple[Action, ...], ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        """Everything, in order."""
        return tuple(action for wave in self.waves for action in wave)

    @property
    def head(self) -> tuple[Action, ...]:
        """The events that are of no use without each other: a budget pays for all of them or for
        none."""
        return tuple(a for a in self.actions if a.sends and a.is_head)


def errands(actions: Iterable[Action]) -> dict[str, tuple[Errand, ...]]:
    """The errands of every server that gets something, each server's in the order of doing."""
    groups: defaultdict[str, defaultdict[str, list[Action]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for action in actions:
        if action.server:
            groups[action.server][action.coordinate.identifier].append(action)
    return {
        server: _in_turns([_errand(server, group) for group in by_identifier.values()])
        for server, by_identifier in groups.items()
    }


def _errand(server: str, actions: Sequence[Action]) -> Errand:
    """`sorted` is stable: within a wave the planner's order stays, parents before children."""
    ordered = sorted(actions, key=lambda action: action.wave)
    return Errand(server, tuple(tuple(wave) for _, wave in groupby(ordered, lambda a: a.wave)))


def _in_turns(found: Sequence[Errand]) -> tuple[Errand, ...]:
    """Unseen repositories first; among them the first of each owner, then the second, and so on."""
    rounds: defaultdict[tuple[bool, str], int] = defaultdict(int)
    ranked = []
    for errand in sorted(found, key=lambda e: e.actions[0].coordinate):
        seen, owner = (
            not any(a.announces for a in errand.actions),
            errand.actions[0].coordinate.owner,
        )
        ranked.append((seen, rounds[seen, owner], errand))
        rounds[seen, owner] += 1
    return tuple(errand for *_, errand in sorted(ranked, key=lambda row: row[:2]))
