"""What one server is asked to bear: requests at the same time, and writes a minute. For threads.

Two limits hold for events: what the operator allows, and what the server's family lets through. A
turn that is far away is not waited for: the work is left to a later run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from reconciler.edge.clock import Clock
from reconciler.edge.memory import Account
from reconciler.limits import PATIENCE_SECONDS
from reconciler.model.desired import Throttle
from reconciler.pacing.throttle import Limits, PeerQueue, SlidingWindow
from reconciler.world import NotNow

_MINUTE = 60.0


class Limiter:
    """The throttle of one server; safe to share between threads. Waiting ends with a stop: then
    everything here raises Failure."""

    def __init__(self, throttle: Throttle, clock: Clock, account: Account | None = None) -> None:
        """Args: what the operator allows, the run's clock, and what earlier runs remember."""
        self._clock = clock
        self._account = account
        self._lasting = False
        self._peer: PeerQueue[object] = PeerQueue(
            Limits(throttle.concurrency, throttle.per_minute, _MINUTE)
        )
        self._events = [SlidingWindow(throttle.events_per_minute, _MINUTE)]
        self._shut: float | None = None
        self._granted: set[object] = set()
        self._changed = Condition()
        self._order = Lock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the server's request slots."""
        with self._changed:
            while not (found := self._peer.decide(self._clock.now(), metered=False)).go:
                self._clock.wait(self._changed, found.at)
            self._peer.begin(self._clock.now(), metered=False)
        yield from self._held()

    @contextmanager
    def transfer(self, repository: str = "") -> Iterator[None]:
        """A slot for a git fetch or push, once the minute's budget allows it and it is this
        repository's turn."""
        ticket = object()
        with self._changed:
            self._peer.queue(repository, ticket)
            try:
                while not self._is_turn(ticket):
                    if not (found := self._peer.decide(self._clock.now())).go:
                        self._clock.wait(self._changed, found.at)
            except BaseException:
                self._peer.withdraw(repository, ticket)
                raise
        yield from self._held()

    def obey(self, most: int, seconds: float, *, lasting: bool) -> None:
        """The server lets `most` events through in any `seconds`; with `lasting`, those that
        earlier runs sent among them (`world.World.obey`)."""
        window = SlidingWindow(most, seconds)
        with self._changed:
            if lasting and self._account:
                self._lasting = True
                now = self._clock.now() - self._clock.unix()
                for at, events in self._account.sent(self._clock.unix()):
                    window.count(now + at, events)
            self._events.append(window)

    def limited(self) -> int:
        """The server says that its budget is used up; from when it has some again, in seconds since
        1970."""
        with self._changed:
            spans = [window.seconds for window in self._events]
            self._shut = max(self._opened(), self._clock.now() + max(spans))
            until = self._clock.unix(self._shut)
        if self._account:
            self._account.shut_until(until)
        return until

    def afford(self, events: int, least: int = 1) -> int:
        """Wait until at least `least` of so many events may be sent; how many, and they count as
        sent (`world.World.afford`). Raises NotNow, Failure."""
        with self._order, self._changed:  # who came first is served first
            while (opens := self._opens(least)) > self._clock.now():
                self._patiently(opens)
                self._clock.wait(self._changed, opens)
            now = self._clock.now()
            count = min(events, *(window.room(now) for window in self._events))
            for window in self._events:
                window.count(now, count)
            if self._lasting and self._account:
                self._account.count(self._clock.unix(), count)
        return count

    def _opens(self, events: int) -> float:
        now = self._clock.now()
        return max(self._opened(), *(window.opens(now, events) for window in self._events))

    def _opened(self) -> float:
        """Since when, or from when on, the server's budget is not used up."""
        if self._shut is None:
            until = self._account.shut(self._clock.unix()) if self._account else 0
            self._shut = self._clock.now() + until - self._clock.unix()
        return self._shut

    def _patiently(self, moment: float) -> None:
        """Raises NotNow when nobody should wait for this moment."""
        if moment > min(self._clock.now() + PATIENCE_SECONDS, self._clock.ends):
            detail = "its limit for events lets no more through"
            raise NotNow(detail, self._clock.unix(moment))

    def _held(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._peer.end()
                self._changed.notify_all()

    def _is_turn(self, ticket: object) -> bool:
        """Whoever looks hands out every turn there is, perhaps to others."""
        while (chosen := self._peer.turn(self._clock.now())) is not None:
            self._granted.add(chosen)
            self._changed.notify_all()
        if ticket not in self._granted:
            return False
        self._granted.discard(ticket)
        return True
