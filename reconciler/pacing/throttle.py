"""What one peer is asked to bear: starts at the same time, starts a minute, and whose turn is next.

Pure: the time is an argument, and nothing here waits. A user asks `decide` or `turn`, and, when
the answer is no, asks again at the time given or when something has ended. So the same object
serves threads (`edge.throttle`) and asyncio (`sandbox.hunt.turns`). Not safe for threads by itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from reconciler.errors import OurFault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """`concurrent` starts that have not ended, and `starts` within any `seconds`."""

    concurrent: int = 5
    starts: int = 30
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.concurrent < 1 or self.starts < 1 or self.seconds <= 0:
            raise OurFault(f"a throttle that lets nothing through: {self}")


@dataclass(frozen=True, slots=True)
class Decision:
    """`go`: it may start now. Otherwise ask again at `at`, or, when that is None, as soon as
    something that runs has ended."""

    go: bool
    at: float | None = None


_GO = Decision(go=True)
_FULL = Decision(go=False)


class SlidingWindow:
    """At most `most` starts within any `seconds`: a sliding window, kept as the starts in it."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self.seconds = seconds
        self._starts: deque[float] = deque()

    def decide(self, now: float) -> Decision:
        """May one start now?"""
        opens = self.opens(now)
        return _GO if opens <= now else Decision(go=False, at=opens)

    def room(self, now: float) -> int:
        """How many may start now."""
        return self._most - len(self._counting(now))

    def opens(self, now: float, starts: int = 1) -> float:
        """When so many may start together; of more than `most`, when all of `most` may."""
        counting = self._counting(now)
        short = min(starts, self._most) - (self._most - len(counting))
        return counting[short - 1] + self.seconds if short > 0 else now

    def count(self, now: float, starts: int = 1) -> None:
        """So many start now."""
        while self._starts and self._starts[0] + self.seconds <= now:
            self._starts.popleft()
        self._starts.extend([now] * starts)

    def uncount(self, at: float) -> None:
        """The start counted at this time did not happen after all."""
        if at in self._starts:
            self._starts.remove(at)

    def is_empty(self, now: float) -> bool:
        """Has the window nothing to remember?"""
        return not self._counting(now)

    def _counting(self, now: float) -> list[float]:
        return [start for start in self._starts if start + self.seconds > now]


class PeerQueue(Generic[T]):
    """One peer: its limits, and the tickets that wait, in a queue of their own a repository.

    Repositories take turns, so one that waits for a hundred fetches does not delay the others.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._window = SlidingWindow(limits.starts, limits.seconds)
        self._queues: dict[str, deque[T]] = {}
        self.running = 0

    def __len__(self) -> int:
        """How many tickets wait."""
        return sum(map(len, self._queues.values()))

    def decide(self, now: float, *, metered: bool = True) -> Decision:
        """May one start now? What is not `metered` needs a slot and no part of the minute."""
        if self.running >= self._limits.concurrent:
            return _FULL
        return self._window.decide(now) if metered else _GO

    def begin(self, now: float, *, metered: bool = True) -> None:
        """One starts now."""
        self.running += 1
        if metered:
            self._window.count(now)

    def end(self, *, unused: float | None = None) -> None:
        """One has ended. `unused` is when it began, if it then turned out that nothing had to be
        asked: the minute gets its start back."""
        self.running -= 1
        if unused is not None:
            self._window.uncount(unused)

    def queue(self, repository: str, ticket: T) -> None:
        """Wait behind the repository's own tickets."""
        self._queues.setdefault(repository, deque()).append(ticket)

    def withdraw(self, repository: str, ticket: T) -> None:
        """Wait no longer; nothing happens when the ticket does not wait."""
        waiting = self._queues.get(repository, deque())
        if ticket in waiting:
            waiting.remove(ticket)
            if not waiting:
                del self._queues[repository]

    def turn(self, now: float) -> T | None:
        """The ticket that may start now, already counted; None when none waits or may."""
        if not self._queues or not self.decide(now).go:
            return None
        repository = next(iter(self._queues))
        waiting = self._queues.pop(repository)
        ticket = waiting.popleft()
        if waiting:  # to the end of the round
            self._queues[repository] = waiting
        self.begin(now)
        return ticket

    def is_idle(self, now: float) -> bool:
        """Would a new queue behave the same?"""
        return not self.running and not self._queues and self._window.is_empty(now)
