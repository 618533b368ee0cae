"""Servers that limit, and that work by themselves: many repositories, and few events of ours.

The figures of each stand beside its verdict. They take real minutes; by name, one after the other:
`make interop ONLY="'88 repositories*'"`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import judge
from .many import Many
from .programs import Server
from .scenario import scenario
from .world import Result, World, require


@dataclass(frozen=True)
class Run:
    """One `--apply`, and what it cost."""

    done: Result
    seconds: float

    def sent(self, server: Server) -> int:
        """Events on their way to a server, by the report; what the server refused counts."""
        here = [o for o in self._outcomes() if o["server"] == server.url and o["seconds"] > 0]
        return sum(o["verb"] == "publish" for o in here)

    def refused(self) -> int:
        """Events that a server's limit turned back."""
        return sum("rate-limited" in one["detail"] for one in self._outcomes())

    def words(self, servers: Sequence[Server]) -> str:
        """The figures of one run."""
        events = "/".join(str(self.sent(server)) for server in servers)
        pushes = self.done.report.get("pushes_sent")
        cost = f"{self.seconds:.0f} s, events {events}, {self.refused()} refused, {pushes} pushes"
        return f"exit {self.done.code}, {cost}"

    def _outcomes(self) -> list[dict[str, Any]]:
        return list(self.done.report.get("outcomes", ()))


def _apply(world: World, seconds: float = 900.0) -> Run:
    began = time.monotonic()
    done = world.reconcile("--apply", seconds=seconds)
    return Run(done, time.monotonic() - began)


def _judged(complaints: Sequence[str], figures: Sequence[str]) -> str:
    text = "; ".join(figures)
    require(not complaints, f"{text}. {'; '.join(complaints)}")
    return text


def _apart(server: Server) -> None:
    """Put the timers of a young ngit-grasp out of step, as those of one that has run for a while
    are. As long as they tick together, half of all announcements hit a moment in which it takes the
    connection that it has just made for idle, and never makes it again."""
    _at(server, 5.4)
    os.kill(server.pid, signal.SIGSTOP)  # across the tick at 6 s, and none of the others
    _at(server, 6.9)
    os.kill(server.pid, signal.SIGCONT)


def _at(server: Server, age: float) -> None:
    """Wait until the server is so many seconds old."""
    time.sleep(max(0.0, server.born + age - time.monotonic()))


@scenario("88 repositories for four empty ngit-grasp", "ngit-grasp")
def fleet(world: World) -> str:
    """One event starts the sync of each; the rest is settling, and comes by itself."""
    servers = [world.server("ngit-grasp") for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(_apart, servers))
    many, empty, world.throttle = Many(world, servers), servers[1:], ""
    many.seed(88, 3)
    first = _apply(world)
    left = many.lacking()
    figures = [f"first run: {first.words(empty)}; then {', '.join(left) or 'nothing is lacking'}"]
    bad = [] if first.done.code == 0 else [f"exit {first.done.code}: {first.done.tail()}"]
    bad += ["more than 180 s"] if first.seconds > 180 else []
    bad += [f"more than 20 events to {s.host}" for s in empty if first.sent(s) > 20]
    bad += ["nothing says what is settling"] if left and "settling" not in first.done.text else []
    began = time.monotonic()
    left = judge.eventually(many.lacking, 240.0)
    waited = time.monotonic() - began
    figures.append(f"{waited:.0f} s later {', '.join(left) or 'all is there'}")
    second = _apply(world)
    figures.append(f"second run: {second.words(empty)}")
    bad += [f"second run: exit {second.done.code}"] if second.done.code else []
    bad += [f"second run: {s.host}: too many events" for s in empty if second.sent(s) > 10]
    bad += judge.eventually(many.lacking, 30.0)
    return _judged(bad, figures)


@scenario("an ngit-grasp whose own sync never starts", "ngit-grasp")
def stuck(world: World) -> str:
    """What it has not fetched in time is sent, within a few runs."""
    full = world.server("ngit-grasp")
    late = world.server("ngit-grasp")
    many = Many(world, (full, late))
    many.seed(3, 2)
    runs: list[Run] = []
    while (many.lacking() or not runs) and len(runs) < 8:
        late.stop()
        late.start()
        _at(late, 5.2)  # until second 10 of its life it never starts
        runs.append(_apply(world))
        judge.eventually(many.lacking, 10.0)
    left = many.lacking()
    figures = [f"{len(runs)} runs: {'; '.join(run.words([late]) for run in runs)}"]
    return _judged(left + [f"exit {r.done.code}" for r in runs if r.done.code], figures)


@scenario("a few events every three minutes: ngit-relay", "ngit-relay")
def relay(world: World) -> str:
    """15 events, then 3 every 3 minutes: whole repositories, one after the other."""
    full = world.server("khatru" if "khatru" in world.programs.servers else "ngit-grasp")
    slow = world.server("ngit-relay")
    many = Many(world, (full, slow))
    many.seed(10, 1)
    figures, bad, shown = [], [], []
    for pause in (0.0, 5.0, 185.0, 185.0):
        time.sleep(pause)
        run = _apply(world)
        judge.eventually(many.lacking, 5.0)
        shown.append(many.whole(slow))
        figures.append(f"{run.words([slow])}, {shown[-1]} whole")
        bad += [f"exit {run.done.code}: {run.done.tail()[:200]}"] if run.done.code else []
        bad += [f"{run.refused()} refused"] if run.refused() > 1 else []
    bad += ["fewer than 6 whole after the first run"] if shown[0] < 6 else []
    bad += ["no repository more in 6 minutes"] if shown[-1] <= shown[0] < 10 else []
    return _judged(bad, figures)


def _default(family: str) -> None:
    @scenario(f"90 events and 45 pushes at default manners: {family}", family)
    def manners(world: World) -> str:
        """One run, and no broken connection, however long the manners take."""
        full = world.server(next((f for f in world.programs.servers if f != "ngit-relay"), family))
        empty = world.server(family)
        many, world.throttle = Many(world, (full, empty)), ""
        many.seed(45, 0)
        run = _apply(world)
        left = judge.eventually(many.lacking, 200.0 if family == "ngit-grasp" else 5.0)
        bad = left + ([f"exit {run.done.code}: {run.done.tail()[:300]}"] if run.done.code else [])
        bad += ["a connection broke"] if "connection-cut" in run.done.text else []
        return _judged(bad, [run.words([empty])])


for _family in ("khatru", "ngit-grasp"):
    _default(_family)
