"""A server of our own on trial: its files, its clock and a second one are at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.conformance.clock import Clock
from reconciler.conformance.people import Person
from reconciler.conformance.stage import NUMBERS, Stage, Trunk
from reconciler.nostr.event import Event
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.family.rules import Family
from reconciler.sandbox.policy.archive import Archive
from reconciler.sandbox.server import RunningServer, ServerSpec, start


@dataclass
class InsideStage(Stage):
    """A running server of one family. Its clock may only go forward."""

    server: RunningServer

    def __post_init__(self) -> None:
        self._relay = self.connect()  # rows that count connections count this one

    @classmethod
    def raised(cls, family: str, folder: Path, trunk: Trunk) -> InsideStage:
        """A fresh server without budgets."""
        clock = Clock()
        server = _start(family, folder, clock, rate_limits=False)
        return cls(family, folder, trunk, server, clock)

    def stop(self) -> None:
        """End it."""
        super().stop()
        self.server.kill()

    @property
    def preset(self) -> Family:
        """The family's switches."""
        return PRESETS[self.family]

    def other(self, *, rate_limits: bool = True, **options: Any) -> InsideStage:
        """A second server of the family."""
        clock = Clock(self.clock.offset)
        server = _start(self.family, self.folder, clock, rate_limits=rate_limits, **options)
        return InsideStage(self.family, self.folder, self.trunk, server, clock, self.name)

    def archive(self, **options: Any) -> InsideStage:
        """A second server that is an archive."""
        return self.other(rate_limits=False, archive=Archive(**options))

    def again(self) -> InsideStage:
        """The same server on its old folder."""
        server = start(self.server.spec, clock=self.clock)
        return InsideStage(self.family, self.folder, self.trunk, server, self.clock, self.name)

    def files(self, owner: Person) -> Path:
        """Where it keeps this probe's repository."""
        return self.server.repo_path(owner.pubkey, self.name)

    def seed(self, event: Event) -> None:
        """Past all policies."""
        self.server.seed(event)


def _start(
    family: str, folder: Path, clock: Clock, /, *, rate_limits: bool, **options: Any
) -> RunningServer:
    name = f"{family}-{next(NUMBERS)}"
    options = {"family": family, **options}
    return start(
        ServerSpec(name=name, directory=folder / name, rate_limits=rate_limits, **options),
        clock=clock,
    )
