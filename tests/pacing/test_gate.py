"""`pacing.throttle` driven by threads: the gate of one server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event, Lock

import pytest

from reconciler.edge.throttle import Gate
from reconciler.model.desired import Throttle


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Meter:
    """How many are inside at a time."""

    inside: int = 0
    most: int = 0
    lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1


def test_no_more_at_a_time_than_allowed_whatever_they_do() -> None:
    gate, meter = Gate(Throttle(concurrency=3, per_minute=1000)), Meter()

    def work(number: int) -> None:
        with gate.transfer(str(number % 4)) if number % 2 else gate.request(), meter:
            Event().wait(0.002)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    assert 2 <= meter.most <= 3
    assert meter.inside == 0


def test_the_minute_ends_transfers_and_not_requests() -> None:
    clock = Clock()
    gate = Gate(Throttle(concurrency=9, per_minute=2), clock)
    for _ in range(2):
        with gate.transfer():
            pass
    with gate.request():
        pass
    began = Event()

    def third() -> None:
        with gate.transfer():
            began.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(third)
        assert not began.wait(0.15)
        clock.now = 60.0
        assert began.wait(5)
        future.result(5)


def test_publications_are_paced_beside_transfers() -> None:
    clock = Clock()
    gate = Gate(Throttle(events_per_minute=5), clock)
    gate.pace(5)
    with gate.transfer(), ThreadPoolExecutor(1) as pool:
        future = pool.submit(gate.pace, 3)
        assert not future.done()
        clock.now = 60.0
        future.result(5)


def test_a_slot_is_given_back_after_a_failure() -> None:
    gate = Gate(Throttle(concurrency=1))
    for hold in (gate.transfer, gate.request):
        with pytest.raises(RuntimeError), hold():
            raise RuntimeError
    with ExitStack() as stack:
        stack.enter_context(gate.request())


def test_repositories_take_turns() -> None:
    gate, order = Gate(Throttle(concurrency=1, per_minute=1000)), []
    queued = [("big", n) for n in range(3)] + [("small", 0)]

    def work(repository: str) -> None:
        with gate.transfer(repository):
            order.append(repository)

    with ThreadPoolExecutor(4) as pool, gate.request():  # all of them have to queue behind this
        for repository, _ in queued:
            pool.submit(work, repository)
            Event().wait(0.05)
    assert order == ["big", "small", "big", "big"]
