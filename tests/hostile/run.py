"""One call of the program, and what it costs: seconds, memory of its whole tree, disk."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY = 0.25


@dataclass(frozen=True)
class Cost:
    """How a call ended. Memory and disk in MB; `text` is all that was said."""

    code: int
    seconds: float
    memory: float
    disk: float
    text: str


def measured(
    argv: Sequence[str],
    folder: Path,
    *,
    bound: float,
    env: Mapping[str, str] | None = None,
    begun: Callable[[int], None] = lambda _: None,
) -> Cost:
    """Run it in `folder` with little environment; after `bound` seconds it must say where it is,
    and is killed (code -6). `begun` is told its process id."""
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    said = folder / "said.txt"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(scratch)}
    environment["PYTHONFAULTHANDLER"] = "1"
    start = time.monotonic()
    with said.open("wb") as out:
        child = subprocess.Popen(
            argv, cwd=folder, env=environment | dict(env or {}), stdout=out, stderr=out
        )
        watch = _Watch(child.pid, (scratch, folder / "state"))
        killer = threading.Timer(bound, _end, (child.pid,))
        killer.start()
        begun(child.pid)
        _, status = os.waitpid(child.pid, 0)
        killer.cancel()
        watch.stop()
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        child.returncode,
        time.monotonic() - start,
        watch.memory / 2**20,
        watch.disk / 2**20,
        said.read_text("utf-8", "replace"),
    )


class _Watch(threading.Thread):
    """The most memory that a process and its descendants held together, and the most disk."""

    def __init__(self, root: int, folders: Iterable[Path]) -> None:
        super().__init__(daemon=True)
        self._root, self._folders, self._ends = root, tuple(folders), threading.Event()
        self.memory = self.disk = 0
        self.start()

    def run(self) -> None:
        while not self._ends.wait(_EVERY):
            tree = family(self._root)
            self.memory = max(self.memory, _peak(self._root), sum(map(_resident, tree)))
            self.disk = max(self.disk, sum(map(_size, self._folders)))

    def stop(self) -> None:
        self._ends.set()
        self.join()


def family(root: int) -> list[int]:
    """A process and its descendants, as /proc has them now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parent = (
                    (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
                )
                children.setdefault(int(parent), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def _end(root: int) -> None:
    """First by the signal at which Python says what each thread is doing."""
    tree = family(root)
    for pid in tree:
        with suppress(OSError):
            os.kill(pid, signal.SIGABRT)
    time.sleep(1)
    for pid in {*tree, *family(root)}:
        with suppress(OSError):
            os.kill(pid, 9)


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _peak(pid: int) -> int:
    """What a process held at most since it was started: short peaks, too."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total
