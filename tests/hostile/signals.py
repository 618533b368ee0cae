"""C: signals at a chosen moment of an apply, and what the run owes whoever sent them.

The first one lets end what is under way, within a bound, and writes the report; the second one ends
the process. A process that holds a key leaves no copy of its memory when it crashes.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.sandbox.demo import history
from reconciler.sandbox.demo.authors import new
from tests.kit.program import Case

from .peer import Answer, Wire

HEARING = (
    "import os, resource, signal, sys\n"
    "for number in (1, 2, 15): signal.signal(number, signal.SIG_DFL)\n"
    "most = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
    "resource.setrlimit(resource.RLIMIT_CORE, (most, most))\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""Whoever runs this by `nohup` has it ignore signals: not here. Core dumps are allowed."""
PACED = 300
_FIRST, _SECOND = 13.0, 3.0
"""Seconds from the last signal to the end: what is under way may take 10, or 2."""


def notices(wire: Wire) -> None:
    """A relay that keeps the line alive, and does not answer."""
    wire.open_socket()
    wire.heard()
    while True:
        wire.say("NOTICE", "still here")
        time.sleep(1)


@dataclass(kw_only=True)
class Strike:
    """One case. `sent` are the signals, 0.3 s apart, once `due` says that the run is there."""

    sent: tuple[signal.Signals, ...]
    code: int
    answers: Mapping[str, Answer] = field(default_factory=lambda: {"relay": notices})
    events: int = 0
    """Issues that only the first server has, which the default throttle sends for minutes."""
    signer: bool = False
    judge: Callable[[Case, Strike], str] = field(default=lambda _, __: "")
    limits: str = ""
    """What the system says of the process's limits, at the moment of the signal."""
    _ended: float = 0.0
    _struck: float = 0.0

    def prepare(self, case: Case) -> None:
        """Before the run."""
        stranger, place = new("mallory"), case.servers["one"].url
        address = f"30617:{case.owner.pubkey}:widget"
        made = [
            stranger.sign(1621, (("a", address),), content=str(n), at=case.now - n)
            for n in range(self.events)
        ]
        for start in range(0, len(made), 50):
            history.send(place, made[start : start + 50])

    def strike(self, pid: int, due: Callable[[], bool]) -> None:
        """Beside the run: wait for the moment, send, and see how long it takes to end."""
        end = time.monotonic() + 60
        while not due() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(1.0)
        self.limits = Path(f"/proc/{pid}/limits").read_text()
        for number, one in enumerate(self.sent):
            time.sleep(0.3 if number else 0)
            with suppress(ProcessLookupError):  # the first one was enough
                os.kill(pid, one)
        self._struck = time.monotonic()

    def ended(self) -> None:
        """The run is over."""
        self._ended = time.monotonic()

    def faults(self, case: Case, code: int) -> list[str]:
        """What went wrong, in words."""
        if not self._struck:
            return ["the moment did not come"]
        took, bound = self._ended - self._struck, _FIRST if len(self.sent) == 1 else _SECOND
        found = [f"ended {took:.1f} s after the last signal"] if took > bound else []
        # a signal to a process that has said all and is ending ends it: shells read the same code
        right = {self.code, *(-one for one in self.sent[1:])}
        found += [f"exit {code}"] if code not in right else []
        if len(self.sent) == 1 and code > 0 and not _report(case):
            found.append("no report")
        return found + ([why] if (why := self.judge(case, self)) else [])


def _report(case: Case) -> dict[str, object]:
    path = case.folder / "reports" / "latest.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _told(case: Case, _: Strike) -> str:
    """What was sent is told as sent."""
    received = case.servers["two"].counters.snapshot()["events_received"]
    told = _report(case).get("events_sent")
    return "" if told == received else f"{received} events were sent, {told} are told"


def _no_core(case: Case, strike: Strike) -> str:
    line = next(row for row in strike.limits.splitlines() if row.startswith("Max core file size"))
    found = [path.name for path in case.folder.glob("core*")]
    held = "" if line.split()[4:6] == ["0", "0"] else f"limits: {line}"
    return f"left {found}" if found else held


_INT, _TERM, _HUP, _ABRT = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT
STRIKES: Mapping[str, Callable[[], Strike]] = {
    "C52 SIGTERM while a relay keeps the line alive": lambda: Strike(sent=(_TERM,), code=143),
    "C53 SIGINT twice while a relay keeps the line alive": lambda: Strike(
        sent=(_INT, _INT), code=130
    ),
    "C54 SIGTERM twice while a relay keeps the line alive": lambda: Strike(
        sent=(_TERM, _TERM), code=143
    ),
    "C55 SIGHUP while a relay keeps the line alive": lambda: Strike(sent=(_HUP,), code=129),
    "C56 SIGINT twice while events are paced": lambda: Strike(
        sent=(_INT, _INT), code=130, answers={}, events=PACED
    ),
    "C56b SIGTERM while events are paced": lambda: Strike(
        sent=(_TERM,), code=143, answers={}, events=PACED, judge=_told
    ),
    "C87 SIGABRT while the key is held, core dumps allowed": lambda: Strike(
        sent=(_ABRT,), code=-6, signer=True, judge=_no_core
    ),
}


def beside(strike: Strike, due: Callable[[], bool]) -> Callable[[int], None]:
    """For `run.measured`: strike from a thread of its own."""

    def start(pid: int) -> None:
        threading.Thread(target=strike.strike, args=(pid, due), daemon=True).start()

    return start
