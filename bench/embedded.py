"""An embedded server in a process of its own, so that its time and its memory are its own.

As a program: `python -m bench.embedded DIALECT FOLDER` starts one, prints its URL and how long that
took, as JSON, and serves until its input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.nostr import urls
from reconciler.sandbox.server import ServerSpec, start


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server, seen from outside. It took so many seconds to start, by itself and with
    its process."""

    url: str
    pid: int
    start_seconds: float
    process_seconds: float

    @property
    def relay_url(self) -> str:
        """Where its relay listens."""
        return urls.relay(self.url)

    def memory(self) -> float:
        """Resident MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


@contextmanager
def embedded(folder: Path, dialect: str) -> Iterator[Embedded]:
    """Start one; it ends with the block."""
    argv = [sys.executable, "-m", "bench.embedded", dialect, str(folder)]
    began = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        if one.stdout is None or one.stdin is None:
            raise SystemExit("no pipes")
        url, seconds = json.loads(one.stdout.readline())
        yield Embedded(url, one.pid, seconds, time.perf_counter() - began)
        one.stdin.close()


def _serve(dialect: str, folder: Path) -> None:
    began = time.perf_counter()
    running = start(ServerSpec(name=folder.name, directory=folder, family=dialect))
    sys.stdout.write(json.dumps([running.url, time.perf_counter() - began]) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    running.stop()


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
