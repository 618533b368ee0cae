"""How long each stage of a run takes, heard on its way to the one who shows it."""

from __future__ import annotations

import time

from reconciler.model.outcome import Stage
from reconciler.world import Watcher


class Timed:
    """A `world.Watcher` that hands everything on."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._begun: list[tuple[str, float]] = []

    def stage(self, name: str, total: int) -> None:
        """A stage begins, so the one before it has ended."""
        self._begun.append((name, time.monotonic()))
        self._watcher.stage(name, total)

    def step(self, text: str) -> None:
        """A step is done."""
        self._watcher.step(text)

    def stopped(self) -> bool:
        """Did somebody ask to stop?"""
        return self._watcher.stopped()

    def stages(self) -> tuple[Stage, ...]:
        """All stages; the last one ends now."""
        ends = [begun for _, begun in self._begun[1:]] + [time.monotonic()]
        return tuple(
            Stage(name, round(end - begun, 3))
            for (name, begun), end in zip(self._begun, ends, strict=False)
        )
