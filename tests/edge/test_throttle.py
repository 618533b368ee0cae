"""`pacing.throttle` driven by threads: the limiter of one server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

import pytest

from reconciler.edge.clock import Clock
from reconciler.edge.memory import MemoryFile
from reconciler.edge.throttle import Limiter
from reconciler.model.desired import Throttle
from reconciler.world import Failure, NotNow
from tests.kit.clock import Still


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
    limiter, meter = Limiter(Throttle(concurrency=3, per_minute=1000), Clock()), Meter()

    def work(number: int) -> None:
        with limiter.transfer(str(number % 4)) if number % 2 else limiter.request(), meter:
            Event().wait(0.002)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    assert 2 <= meter.most <= 3
    assert meter.inside == 0


def test_the_minute_ends_transfers_and_not_requests() -> None:
    clock = Still()
    limiter = Limiter(Throttle(concurrency=9, per_minute=2), clock)
    for _ in range(2):
        with limiter.transfer():
            pass
    with limiter.request():
        pass
    began = Event()

    def third() -> None:
        with limiter.transfer():
            began.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(third)
        assert not began.wait(0.15)
        clock.jump(60.0)
        assert began.wait(5)
        future.result(5)


def test_publications_are_paced_beside_transfers() -> None:
    clock = Still()
    limiter = Limiter(Throttle(events_per_minute=5), clock)
    assert limiter.afford(8) == 5  # as many as may go at once, not all or none
    with limiter.transfer(), ThreadPoolExecutor(1) as pool:
        future = pool.submit(limiter.afford, 3)
        assert not future.done()
        clock.jump(60.0)
        assert future.result(5) == 3


def test_events_that_belong_together_are_paid_for_together() -> None:
    clock = Still()
    limiter = Limiter(Throttle(events_per_minute=5), clock)
    assert limiter.afford(4) == 4
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(limiter.afford, 2, 2)
        assert not future.done()
        clock.jump(60.0)
        assert future.result(5) == 2
    fresh = Limiter(Throttle(events_per_minute=5), clock)
    assert fresh.afford(9, 9) == 5  # more than any minute has: all that one has


def test_a_family_lets_less_through_than_the_operator_allows() -> None:
    clock = Still()
    limiter = Limiter(Throttle(events_per_minute=100), clock)
    limiter.obey(15, 900.0, lasting=False)
    assert limiter.afford(40) == 15
    with pytest.raises(NotNow) as caught:  # a quarter of an hour is not waited for
        limiter.afford(1)
    assert caught.value.until == pytest.approx(time.time() + 900, abs=3)
    clock.jump(900.0)
    assert limiter.afford(40) == 15


def test_what_earlier_runs_sent_counts_where_servers_count_by_address(tmp_path: Path) -> None:
    memory = MemoryFile(tmp_path / "memory.sqlite3")
    for run, room in enumerate((15, 0, 0)):
        limiter = Limiter(Throttle(), Clock(), memory.account("https://a.example"))
        limiter.obey(15, 900.0, lasting=True)
        if run == 0:
            assert limiter.afford(40) == room
        else:
            with pytest.raises(NotNow):
                limiter.afford(1)
    other = Limiter(Throttle(), Clock(), memory.account("https://b.example"))
    other.obey(15, 900.0, lasting=True)
    assert other.afford(40) == 15


def test_a_server_that_says_it_is_limited_is_left_alone_by_the_next_run_too(tmp_path: Path) -> None:
    memory = MemoryFile(tmp_path / "memory.sqlite3")
    limiter = Limiter(Throttle(), Clock(), memory.account("https://a.example"))
    limiter.obey(15, 900.0, lasting=False)
    until = limiter.limited()
    for found in (limiter, Limiter(Throttle(), Clock(), memory.account("https://a.example"))):
        with pytest.raises(NotNow) as caught:
            found.afford(1)
        assert caught.value.until == pytest.approx(until, abs=1)


def test_nobody_waits_beyond_the_end_of_the_run() -> None:
    limiter = Limiter(Throttle(events_per_minute=1), Clock(duration=30))
    limiter.afford(1)
    with pytest.raises(NotNow):
        limiter.afford(1)


def test_nobody_looks_at_the_clock_while_waiting() -> None:
    class Counting(Still):
        looks = 0

        def now(self) -> float:
            self.looks += 1
            return super().now()

    clock = Counting()
    limiter = Limiter(Throttle(events_per_minute=1), clock)
    limiter.afford(1)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(limiter.afford, 1)
        Event().wait(0.1)
        before = clock.looks
        Event().wait(0.3)
        assert clock.looks == before
        clock.jump(60.0)
        future.result(5)


@pytest.mark.parametrize("way", ["afford", "transfer", "request"])
def test_a_stop_ends_every_wait_at_once(way: str) -> None:
    clock = Clock()
    limiter = Limiter(Throttle(concurrency=1, per_minute=1, events_per_minute=1), clock)

    def wait() -> None:
        if way == "afford":
            limiter.afford(1)
        else:
            with limiter.transfer() if way == "transfer" else limiter.request():
                pass

    limiter.afford(1)
    with ThreadPoolExecutor(1) as pool, limiter.transfer():
        future = pool.submit(wait)
        Event().wait(0.1)
        assert not future.done()
        clock.stop.set()
        with pytest.raises(Failure, match="the run was stopped"):
            future.result(2)


def test_a_slot_is_given_back_after_a_failure() -> None:
    limiter = Limiter(Throttle(concurrency=1), Clock())
    for hold in (limiter.transfer, limiter.request):
        with pytest.raises(RuntimeError), hold():
            raise RuntimeError
    with ExitStack() as stack:
        stack.enter_context(limiter.request())


def test_repositories_take_turns_at_one_server() -> None:
    limiter, order = Limiter(Throttle(concurrency=1, per_minute=1000), Clock()), []
    queued = [("big", n) for n in range(3)] + [("small", 0)]

    def work(repository: str) -> None:
        with limiter.transfer(repository):
            order.append(repository)

    with ThreadPoolExecutor(4) as pool, limiter.request():  # all of them have to queue behind this
        for repository, _ in queued:
            pool.submit(work, repository)
            Event().wait(0.05)
    assert order == ["big", "small", "big", "big"]
