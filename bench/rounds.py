"""Sides that do the same, run in turn, several times: what another program did to the machine
meanwhile hits all of them, and medians leave the worst of it out."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cost import Cost, cost

PLAIN: Mapping[str, str] = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
    "HOME": os.devnull,
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}
"""The environment of every side: nobody's settings."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Side:
    """One program, by the `name` that the table gives it. `before` runs before each of its rounds,
    and is not measured."""

    name: str
    command: Sequence[str | Path]
    before: Callable[[], None] = _nothing
    codes: frozenset[int] = frozenset({0})
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Costs:
    """All rounds of one side."""

    name: str
    rounds: list[Cost] = field(default_factory=list)

    def runs(self, what: str) -> tuple[float, ...]:
        """One figure (`wall`, `cpu`, `mib`) of every round, in their order."""
        return tuple(float(getattr(one, what)) for one in self.rounds)

    def median(self, what: str) -> float:
        """Its median."""
        return statistics.median(self.runs(what))


def alternate(sides: Sequence[Side], rounds: int) -> list[Costs]:
    """Every side once a round, each round begun by another one; in the order of `sides`.
    BENCH_ROUNDS in the environment replaces `rounds`.

    Raises:
        SystemExit: a program failed.
    """
    rounds = int(os.environ.get("BENCH_ROUNDS", rounds))
    found = [Costs(side.name) for side in sides]
    for number in range(rounds):
        first = number % len(sides)
        for index in [*range(first, len(sides)), *range(first)]:
            side = sides[index]
            side.before()
            found[index].rounds.append(
                cost(side.command, PLAIN, codes=side.codes, memory=side.memory)
            )
    return found
