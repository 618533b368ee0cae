"""Children in their own process groups: started, listened to, bounded and ended. Blocking.

What a child says passes through pipes and is counted, so that it fills neither a disk nor our
memory: of stderr the beginning is kept, and the first lines in which git says what is wrong.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Final

from reconciler.errors import ReconcileError
from reconciler.limits import (
    CHILD_CHATTER_BYTES,
    CHILD_CHATTER_KEPT_BYTES,
    CHILD_OUTPUT_BYTES,
    CHILDREN_MEMORY_BYTES,
)
from reconciler.plumbing.memory import Sessions

TICK_SECONDS: Final = 0.25
"""How often the clock and the watcher are looked at."""
_FAULTS: Final = 3
_LINE: Final = 500
_WORK: Final = (b"Resolving deltas:", b"Checking connectivity:")
"""git's progress after the last byte has come. A server's own words begin with `remote: `."""


class Killed(ReconcileError):
    """The child was ended by us; the text says why."""


class Stopped(Killed):
    """Everything was ended, and it was not its fault."""


class Overdue(Killed):
    """It took too long."""


class Flooded(Killed):
    """It said too much."""


class Swollen(Killed):
    """It took too much memory."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a child ended: its exit code (negative: the signal), stdout, the beginning of stderr, and
    the first lines of stderr that name an error."""

    code: int
    out: bytes
    err: bytes
    faults: tuple[str, ...] = ()

    def text(self) -> str:
        """What went wrong, for people."""
        lines = self.faults or self.err.decode("utf-8", "replace").strip().splitlines()[-1:]
        return "; ".join(lines)[:_LINE] or f"git ended with {self.code}"


class Heard:
    """What a child has said so far. `work` counts signs that it is busy with what it has got;
    `memory` is what it held a moment ago, in bytes."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.faults: list[str] = []
        self.work = 0
        self.memory = 0
        self._said = 0
        self._line = b""

    def on_stdout(self, data: bytes) -> None:
        """Raises Flooded."""
        self.out += data
        if len(self.out) > CHILD_OUTPUT_BYTES:
            raise Flooded(f"git printed more than {CHILD_OUTPUT_BYTES >> 20} MB")

    def on_stderr(self, data: bytes) -> None:
        """Raises Flooded."""
        self._said += len(data)
        self.err += data[: CHILD_CHATTER_KEPT_BYTES - len(self.err)]
        *lines, rest = (self._line + data).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._hear(line)
        self._line = rest[:_LINE]  # what follows of a longer line is of no interest
        if self._said > CHILD_CHATTER_BYTES:
            raise Flooded(f"git was told more than {CHILD_CHATTER_BYTES >> 20} MB of chatter")

    def end(self) -> None:
        """The last line need not end."""
        self._hear(self._line)

    def _hear(self, line: bytes) -> None:
        self.work += line.startswith(_WORK)
        if line.removeprefix(b"remote: ").lower().startswith((b"error:", b"fatal:")):
            text = line[:_LINE].decode("utf-8", "replace").strip()
            if len(self.faults) < _FAULTS and text not in self.faults:
                self.faults.append(text)


class _Memory:
    """What all running children hold together. The one that holds most is ended beyond the bound:
    each may have its share, and none can take that of others."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._sessions = Sessions()
        self._held: dict[int, int] = {}
        self._looked = 0.0
        self._lock = Lock()

    @contextmanager
    def of(self, leader: int) -> Iterator[Callable[[], int]]:
        """A look at one child: what it holds, or Swollen. One look serves all children."""

        def look() -> int:
            with self._lock:
                if time.monotonic() - self._looked > TICK_SECONDS / 2:
                    self._held = self._sessions.memory(self._held)
                    self._looked = time.monotonic()
                found, most = self._held[leader], max(self._held.values())
                over = sum(self._held.values()) > self._bound
            if over and found == most:
                raise Swollen(f"git took more than {self._bound >> 20} MB of memory")
            return found

        with self._lock:
            self._held[leader] = 0
        try:
            yield look
        finally:
            with self._lock:
                self._held.pop(leader, None)


Watch = Callable[[Heard], None]
"""Looks at a running child now and then; what it raises ends the child."""


class Children:
    """All children that run under one roof; safe to share between threads."""

    def __init__(self, memory: int = CHILDREN_MEMORY_BYTES) -> None:
        """Args: bytes that all of them may hold together."""
        self._memory = _Memory(memory)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._lock = Lock()

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        seconds: float,
        stdin: bytes | IO[bytes] = b"",
        out: IO[bytes] | None = None,
        watch: Watch | None = None,
    ) -> Done:
        """Run a program to its end.

        Args:
            command: program and arguments.
            env: its whole environment.
            cwd: where it runs.
            seconds: wall clock; the whole process group is killed after it.
            stdin: what it reads.
            out: where stdout goes; captured when None.
            watch: looks at it every TICK_SECONDS.

        Raises:
            Killed: it took too long, said too much, took too much memory, or `kill` was called.
            OSError: it could not be started.
        """
        with nullcontext(stdin) if not isinstance(stdin, bytes) else _file(stdin) as given:
            child = subprocess.Popen(
                command,
                stdin=given,
                stdout=out or subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        with child:
            try:
                self._begin(child)
                with self._memory.of(child.pid) as look:
                    heard = _listen(child, time.monotonic() + seconds, look, watch)
            except Overdue:
                raise Overdue(f"git did not end within {seconds:.0f} s") from None
            finally:
                self._end(child)
        if self._ended and child.returncode < 0:
            raise Stopped("git was ended, because everything ends")
        return Done(child.returncode, bytes(heard.out), bytes(heard.err), tuple(heard.faults))

    def kill(self) -> None:
        """End every running child at once, and start no more."""
        with self._lock:
            self._ended = True
            for child in self._running:
                _kill(child)

    def _begin(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.add(child)
            if self._ended:
                _kill(child)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(child)
        _kill(child)
        child.wait()


def _listen(
    child: subprocess.Popen[bytes], end: float, look: Callable[[], int], watch: Watch | None
) -> Heard:
    heard = Heard()
    due = time.monotonic() + TICK_SECONDS
    with selectors.DefaultSelector() as ready:
        for stream, hear in ((child.stdout, heard.on_stdout), (child.stderr, heard.on_stderr)):
            if stream:
                ready.register(stream, selectors.EVENT_READ, hear)
        while ready.get_map():
            events = ready.select(TICK_SECONDS)
            for key, _ in events:
                data = os.read(key.fd, 65_536)
                key.data(data) if data else ready.unregister(key.fileobj)
            if not events and child.poll() is not None:
                with suppress(ProcessLookupError):  # a grandchild that still holds a pipe
                    os.killpg(child.pid, signal.SIGKILL)
                break
            if (now := time.monotonic()) > end:
                raise Overdue
            if now > due:
                heard.memory = look()
                if watch:
                    watch(heard)
                due = now + TICK_SECONDS
    heard.end()
    try:
        child.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise Overdue from None
    return heard


@contextmanager
def _file(data: bytes) -> Iterator[IO[bytes]]:
    """A file without a name: a pipe would have to be fed while the child is listened to."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
