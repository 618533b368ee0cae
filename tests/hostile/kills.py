"""Fifty kills each, at random moments of an apply, some beside a server that hangs.

Judged by the slowest end, and by the next run: without any manual step the healthy servers are
equal and a second apply writes nothing.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.kit.program import Case, command

from .peer import Peer, Wire

TIMES = int(os.environ.get("TIMES", "50"))
_SLOWEST = {"kill -9": 2.0, "SIGTERM": 13.0, "double Ctrl-C": 3.0}
"""Seconds: what is under way may take 10 s after the first signal, and 2 after the second."""


def _hang(_: Wire) -> None:
    time.sleep(600)


def _many(name: str, strike: Callable[[subprocess.Popen[bytes]], None]) -> str:
    chance, slowest, struck, bad = random.Random(name), 0.0, 0, []
    for number in range(TIMES):
        alive, took, why = _once(chance, strike, hangs=number % 3 == 0)
        slowest, struck = max(slowest, took), struck + alive
        bad += [why] if why else []
    words = (
        f"{TIMES} times, {struck} of them before the end of the run, slowest end {slowest:.1f} s, "
        f"{TIMES - len(bad)} healed by the next run"
    )
    if bad or slowest > _SLOWEST[name]:
        return f"failed: {words}; {bad[:3]}"
    return words


def _once(
    chance: random.Random, strike: Callable[[subprocess.Popen[bytes]], None], *, hangs: bool
) -> tuple[bool, float, str]:
    """Whether it struck a run, seconds from then to the end, and what the next run did not heal."""
    case = Case(Path(tempfile.mkdtemp(prefix="kills-")))
    peer = Peer({"accept": _hang})
    try:
        case.start("one", "two", "three", family="spec")
        case.extra_servers += [peer.url] if hangs else []
        for name in ("widget", "gadget"):
            case.repository(name, on=["one"])
        file = case.desired()
        argv = command(case.folder, "-f", file, "--apply")
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 2.5))
        alive, start = child.poll() is None, time.monotonic()
        strike(child)
        child.wait(60)
        took = time.monotonic() - start
        peer.close()
        return alive, took, _healed(case)
    finally:
        case.stop()
        peer.close()


def _healed(case: Case) -> str:
    case.extra_servers.clear()
    case.desired()
    first = case.reconcile("--apply")
    again = case.reconcile("--apply")
    names = ("widget", "gadget")
    one, *others = ([_refs(case, server, n) for n in names] for server in ("one", "two", "three"))
    same = all(one) and all(refs == one for refs in others)
    if not same or again.report["planned"]:
        words = f"{again.out[-300:]} {again.err[-300:]}"
        return f"exit {first.code} then {again.code}, {'equal' if same else 'other'} refs; {words}"
    return ""


def _refs(case: Case, server: str, name: str) -> dict[str, str]:
    try:
        return case.refs(server, name)
    except RuntimeError:  # there is no such repository
        return {}


def _kill(child: subprocess.Popen[bytes]) -> None:
    child.kill()


def _term(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)


def _twice(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGINT)
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)


KILLS: Mapping[str, Callable[[], str]] = {
    "kill -9": lambda: _many("kill -9", _kill),
    "SIGTERM": lambda: _many("SIGTERM", _term),
    "double Ctrl-C": lambda: _many("double Ctrl-C", _twice),
}
