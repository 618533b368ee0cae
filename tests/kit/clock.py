"""Clocks that tests move: nothing else of the tests is not real."""

from __future__ import annotations

from reconciler.conformance import clock as sandbox
from reconciler.edge import clock as edge

__all__ = ["Clock", "Hands", "Hasty", "Still"]

Clock = sandbox.Clock
"""The clock of a sandbox server, which `advance` moves."""


class Hasty(edge.Clock):
    """A clock on which nobody waits for a moment: it jumps there. `slept` are the jumps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        super().__init__()

    def now(self) -> float:
        return super().now() + sum(self.slept)

    def until(self, moment: float) -> None:
        self.begin()
        self.slept.append(max(0.0, moment - self.now()))


class Still(edge.Clock):
    """A clock that stands until somebody moves it, and then wakes whoever waits."""

    def __init__(self) -> None:
        self.time = 0.0
        super().__init__()

    def now(self) -> float:
        return self.time

    def jump(self, moment: float) -> None:
        self.time = moment
        self.wake()


class Hands:
    """A clock by values: it shows what `now` was set to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
