"""What one call of a program costs: wall clock, processor time of it and its children, memory of
all of them together."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

_LOOK_SECONDS = 0.02
_SAID = 3_000


@dataclass(frozen=True, slots=True)
class Cost:
    """`wall` and `cpu` (user and system, children included) in seconds; `mib` is the most that the
    processes held in memory at one moment, 0 where nobody looked."""

    wall: float
    cpu: float
    mib: float = 0.0


def cost(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    codes: frozenset[int] = frozenset({0}),
    memory: bool = False,
) -> Cost:
    """Run a program to its end.

    Args:
        command: program and arguments.
        env: its whole environment.
        codes: exit codes that mean that it did its work.
        memory: look at it all the time; that costs the machine some of its time.

    Raises:
        SystemExit: it ended otherwise; with what it said.
    """
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env
        )
        looking = _Looking(child.pid) if memory else None
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        mib = looking.end() if looking else 0.0
        if child.returncode not in codes:
            said.seek(0)
            words = said.read()[-_SAID:].decode("utf-8", "replace")
            raise SystemExit(f"{command[0]} … ended with {child.returncode}:\n{words}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, mib)


class _Looking:
    """Adds up, again and again, what a process and all its descendants hold.

    (wait4's ru_maxrss would count ours, from between fork and exec, and one process only.)
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """MiB at most."""
        self._over.set()
        self._thread.join()
        return self._most / 1024

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._most = max(self._most, sum(map(_resident, _family(self._pid))))


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        found.append(one := waiting.pop())
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                waiting += map(int, task.read_text().split())
            except OSError:  # it has ended
                continue
    return found


def _resident(pid: int) -> int:
    """KiB that a process holds, mapped files included; of what several hold, its share."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
