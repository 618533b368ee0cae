"""The form of a scenario, and the two things that nearly all of them do at their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from .programs import Server
from .world import Result, World, require

Play = Callable[[World], str | None]
"""Plays it; raises Failed. What it returns stands beside the verdict."""
P = TypeVar("P", bound=Play)


@dataclass(frozen=True)
class Scenario:
    """One line of the table."""

    name: str
    needs: tuple[str, ...]
    """Programs that it cannot do without; one real server at least is always needed."""
    play: Play
    server: bool = True


SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(name: str, *needs: str, server: bool = True) -> Callable[[P], P]:
    """Declare a scenario."""

    def declare(play: P) -> P:
        assert name not in SCENARIOS, f"two scenarios {name}"
        SCENARIOS[name] = Scenario(name, needs, play, server)
        return play

    return declare


def converge(
    world: World, *servers: Server, codes: tuple[int, ...] = (0,), runs: int = 1
) -> Result:
    """Apply; every server (or these) then shows what was meant; a second apply writes nothing."""
    for _ in range(runs):
        done = world.reconcile("--apply")
        if done.code in codes:
            break
    try:
        world.settled(*servers)
    except Exception as seen:
        seen.args = (f"{seen} [exit {done.code}: {done.tail()}]",)
        raise
    require(done.code in codes, f"all is as meant, but exit {done.code}: {done.tail()}")
    idle(world, codes)
    return done


def idle(world: World, codes: tuple[int, ...] = (0,)) -> None:
    """Another apply changes nothing on any server, and says so."""
    before = world.snapshot()
    done = world.reconcile("--apply")
    after = world.snapshot()
    moved = [name for name in before if before[name] != after[name]]
    require(not moved, f"a second apply changed {moved}")
    sent = done.report.get("events_sent"), done.report.get("pushes_sent")
    require(sent == (0, 0), f"a second apply sent {sent[0]} events, {sent[1]} pushes")
    require(done.code in codes, f"a second apply: exit {done.code}: {done.tail()}")
