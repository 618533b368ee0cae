"""What one server may cost in one run: one budget, from which every exchange with it takes.

Time is the wall clock while somebody waits for the server or for its throttle, whoever and for how
many things at once. Once a part is used up, all that is asked of this server fails with that
reason; the others are not delayed any further, and the next run begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import NoReturn
from urllib.parse import urlsplit

from reconciler.edge.clock import Clock
from reconciler.limits import (
    SERVER_BYTES,
    SERVER_FETCHED_BYTES,
    SERVER_QUESTION_SECONDS,
    SERVER_READING_SECONDS,
    SERVER_RETRIES,
    SERVER_SECONDS,
    WS_ANSWER_EVENTS,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Ration:
    """How much of everything.

    Seconds: `reading` for questions, and `question` more for each; `working` for fetches, pushes
    and publications. Bytes: `received`, and `disk` for what git fetches.
    """

    reading: float = SERVER_READING_SECONDS
    question: float = SERVER_QUESTION_SECONDS
    working: float = SERVER_SECONDS
    received: int = SERVER_BYTES
    disk: int = SERVER_FETCHED_BYTES
    messages: int = WS_ANSWER_EVENTS
    retries: int = SERVER_RETRIES


class Allowance:
    """The budget of one server; safe between threads."""

    def __init__(self, clock: Clock, ration: Ration | None = None) -> None:
        self._clock = clock
        self._ration = ration or Ration()
        self._reading = _Stopwatch(self._ration.reading)
        self._working = _Stopwatch(self._ration.working)
        self._received = 0
        self._disk = 0
        self._messages = 0
        self._retries = 0
        self._drained: Unknown | None = None
        self._lock = Lock()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Ask something. Raises Failure: used up, or the run was stopped."""
        with self._running(self._reading, more=self._ration.question):
            yield

    @contextmanager
    def working(self) -> Iterator[None]:
        """Fetch from it, or write to it. Raises Failure: used up, or the run was stopped."""
        with self._running(self._working):
            yield

    def left(self) -> float:
        """Seconds that what is going on now may still take. Raises Failure when it is none."""
        now = self._clock.now()
        with self._lock:
            if self._drained:
                raise Failure(self._drained)
            watches = [watch for watch in (self._reading, self._working) if watch.runs]
            left = min((watch.left(now) for watch in watches), default=float("inf"))
        if left <= 0:
            seconds = self._ration.reading if self._reading.left(now) <= 0 else self._ration.working
            self._drain(f"the time of one server in one run is used up: {seconds:.0f} s")
        return left

    def spend_bytes(self, count: int) -> None:
        """So many bytes came. Raises Failure when used up."""
        with self._lock:
            self._received += count
            drained = self._received > self._ration.received
        if drained:
            size = self._ration.received / 2**20
            self._drain(f"what one server may send in one run is used up: {size:.0f} MB")

    def spend_disk(self, count: int) -> None:
        """A fetch from it took so many bytes on our disk. Raises Failure when used up."""
        with self._lock:
            self._disk += count
            drained = self._disk > self._ration.disk
        if drained:
            size = self._ration.disk / 2**30
            self._drain(f"what is fetched from one server in one run is used up: {size:.0f} GB")

    def spend_message(self) -> None:
        """One message came. Raises Failure when used up."""
        with self._lock:
            self._messages += 1
            drained = self._messages > self._ration.messages
        if drained:
            most = self._ration.messages
            self._drain(f"what one relay may send in one run is used up: {most} messages")

    def retry(self) -> bool:
        """May something be attempted once more? It counts as attempted."""
        with self._lock:
            self._retries += 1
            return self._retries <= self._ration.retries

    @contextmanager
    def _running(self, watch: _Stopwatch, more: float = 0.0) -> Iterator[None]:
        self._clock.begin()
        with self._lock:
            if self._drained:
                raise Failure(self._drained)
            watch.seconds += more
            watch.start(self._clock.now())
        try:
            yield
        finally:
            with self._lock:
                watch.end(self._clock.now())

    def _drain(self, detail: str) -> NoReturn:
        with self._lock:
            self._drained = self._drained or Unknown(Cause.BUDGET, detail)
            raise Failure(self._drained)


class Allowances:
    """The allowance of each host and port that is talked to in one run."""

    def __init__(self, clock: Clock, ration: Ration | None = None) -> None:
        self._clock = clock
        self._ration = ration
        self._by_host: dict[str, Allowance] = {}
        self._lock = Lock()

    def of(self, url: str) -> Allowance:
        """The one of the server at this URL."""
        host = urlsplit(url).netloc
        with self._lock:
            return self._by_host.setdefault(host, Allowance(self._clock, self._ration))


class _Stopwatch:
    """Wall clock while at least one runs; the time is an argument."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.runs = 0
        self._since = 0.0

    def start(self, now: float) -> None:
        if not self.runs:
            self._since = now
        self.runs += 1

    def end(self, now: float) -> None:
        self.runs -= 1
        if not self.runs:
            self.seconds -= now - self._since

    def left(self, now: float) -> float:
        return self.seconds - (now - self._since if self.runs else 0.0)
