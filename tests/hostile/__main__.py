"""`make hostile`: one hostile peer at a time beside two healthy servers.

Judged by what the healthy servers then serve (git ls-remote), by whether the report names the peer,
by seconds, by the memory of the largest process, and by the disk that was used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.kit.program import Case, command

from .cases import CASES
from .kills import KILLS
from .peer import Peer

SECONDS = 330.0
"""After that a case has failed: reading one server may take 120 s, and a run looks twice."""
MEGABYTES = 300
_DISK_MEGABYTES = 600
_AT_ONCE = 3
_WAS = "before: up to 1203 s, 1903 MB of memory, 2047 MB of disk for one peer"


@dataclass
class Ended:
    """How one case ended; `why` is empty when it held."""

    name: str
    why: str
    seconds: float
    memory: float
    disk: float


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    names = [n for n in CASES if not words or any(word in n for word in words)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ends = list(pool.map(_shown, names))
    bad = [end for end in ends if end.why]
    if ends:
        worst = [max(getattr(e, f) for e in ends) for f in ("seconds", "memory", "disk")]
        say(f"\n{len(ends) - len(bad)} of {len(ends)} held; at most {worst[0]:.0f} s, "
              f"{worst[1]:.0f} MB of memory, {worst[2]:.0f} MB of disk")  # fmt: skip
        say(_WAS)
    for name, play in KILLS.items():
        if not words or any(word in name for word in words):
            why = play()
            bad += [Ended(name, why, 0, 0, 0)] if why.startswith("failed") else []
            say(f"{name}: {why}")
    return 1 if bad else 0


def _shown(name: str) -> Ended:
    end = _play(name)
    say(f"{'failed' if end.why else 'held':7}{end.seconds:6.1f} s {end.memory:6.0f} MB "
          f"{end.disk:6.0f} MB  {name}  {end.why}")  # fmt: skip
    return end


def _play(name: str) -> Ended:
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    case, peer, witness = Case(folder), Peer(CASES[name]), Peer()
    try:
        case.start("one", "two", dialect="spec")
        case.extra_servers += [peer.url, witness.url]
        case.repository("widget", on=["one"])
        case.desired()
        return _judged(name, case, peer, witness)
    finally:
        case.stop()
        peer.close()
        witness.close()


def _judged(name: str, case: Case, peer: Peer, witness: Peer) -> Ended:
    code, seconds, memory, disk, text = _run(case)
    why = []
    if case.refs("two", "widget") != case.refs("one", "widget") or not case.refs("one", "widget"):
        why.append("the healthy servers differ")
    if code in (1, -9) or "Traceback" in text:
        why.append(f"exit {code}")
    if any("cookie" in request.headers for request in witness.seen):
        why.append("a cookie went to another server")
    if any("x-injected" in request.headers for request in witness.seen):
        why.append("a header went to another server")
    if seconds > SECONDS or memory > MEGABYTES or disk > _DISK_MEGABYTES:
        why.append("beyond its bounds")
    report = case.folder / "reports" / "latest.json"
    if not report.exists():
        why.append("no report")
    elif not _is_named(json.loads(report.read_text()), peer.url) and name not in _HARMLESS:
        why.append("the report does not name it")
    return Ended(name, "; ".join(why), seconds, memory, disk)


_HARMLESS = frozenset({"NIP-11: a cookie for everybody", "relay: pings without end"})
"""What such a peer does costs nothing, so that there is nothing to say of it."""


def _is_named(report: dict[str, list[dict[str, object]]], url: str) -> bool:
    servers = (s for s in report["servers"] if s["url"] == url and s["unknown"])
    cells = (c for c in report["cells"] if c["server"] == url and c["verdict"] != "in-sync")
    return any(servers) or any(cells)


def _run(case: Case) -> tuple[int, float, float, float, str]:
    """The program once: exit code, seconds, MB of its largest process, MB of disk, its words."""
    scratch = case.folder / "tmp"
    scratch.mkdir()
    said = case.folder / "said.txt"
    argv = command(case.folder, "-f", case.folder / "desired-state.yaml", "--apply")
    start = time.monotonic()
    with said.open("wb") as out:
        environment = os.environ | {"TMPDIR": str(scratch)}
        child = subprocess.Popen(argv, stdout=out, stderr=out, env=environment)
        disk = _Disk([scratch, case.folder / "state"])
        killer = threading.Timer(SECONDS + 30, child.kill)
        killer.start()
        _, status, usage = os.wait4(child.pid, 0)
        killer.cancel()
        most = disk.stop()
    code = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    return code, seconds, usage.ru_maxrss / 1024, most / 2**20, said.read_text("utf-8", "replace")


class _Disk(threading.Thread):
    """The most bytes that some folders held."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(daemon=True)
        self._folders, self._most, self._ends = folders, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ends.wait(0.2):
            self._most = max(self._most, sum(map(_size, self._folders)))

    def stop(self) -> int:
        self._ends.set()
        self.join()
        return self._most


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(place, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
