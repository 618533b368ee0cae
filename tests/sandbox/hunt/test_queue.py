"""Which identifiers to hunt for, and when."""

from __future__ import annotations

from reconciler.sandbox.hunt.queue import Queue
from reconciler.sandbox.limits import HUNT_EXPIRY_SECONDS


def begin(queue: Queue, now: float) -> bool:
    """Is "w" due? Then begin it."""
    if queue.due(now) != ("w",):
        return False
    queue.begin("w")
    return True


def test_nothing_is_due_before_its_delay() -> None:
    queue = Queue()
    queue.add("w", now=100, delay=180)
    assert queue.due(279.9) == ()
    assert queue.due(280) == ("w",)


def test_a_burst_makes_one_hunt() -> None:
    queue = Queue()
    for now in (0.0, 0.1, 0.2, 0.3):
        queue.add("w", now, delay=0.5)
    assert len(queue) == 1
    assert queue.due(0.5) == ("w",)
    queue.begin("w")
    assert queue.due(10) == ()


def test_the_soonest_delay_counts() -> None:
    queue = Queue()
    queue.add("w", 0, delay=180)
    queue.add("w", 10, delay=0.5)
    assert queue.due(10.5) == ("w",)
    queue.add("w", 11, delay=180)
    assert queue.due(11) == ("w",)


def test_failures_wait_20_40_80_and_120_seconds() -> None:
    queue = Queue()
    queue.add("w", 0, delay=0)
    now, gaps = 0.0, []
    for _ in range(6):
        assert begin(queue, now)
        queue.end("w", now, done=False)
        ended = now
        while not queue.due(now):
            now += 1
        gaps.append(now - ended)
    assert gaps == [20, 40, 80, 120, 120, 120]


def test_a_new_event_starts_afresh() -> None:
    queue = Queue()
    queue.add("w", 0, delay=0)
    for now in (0, 20, 60):
        assert begin(queue, now)
        queue.end("w", now, done=False)
    queue.add("w", 65, delay=0.5)
    assert begin(queue, 65.5)
    queue.end("w", 66, done=False)
    assert queue.due(85.9) == ()
    assert queue.due(86) == ("w",)


def test_a_source_given_up_stays_so_until_a_new_event() -> None:
    queue = Queue()
    queue.add("w", 0, delay=0)
    for now, source in ((0, "one"), (20, "two")):
        queue.begin("w")
        queue.end("w", now, done=False, given_up=frozenset({source}))
    assert queue.begin("w").given_up == {"one", "two"}
    queue.add("w", 61, delay=0)  # while it runs
    queue.end("w", 62, done=False, given_up=frozenset({"three"}))
    assert queue.begin("w").given_up == frozenset()


def test_a_new_event_during_a_hunt_makes_another_one_whatever_comes_of_the_first() -> None:
    for done in (True, False):
        queue = Queue()
        queue.add("w", 0, delay=0)
        assert begin(queue, 0)
        queue.add("w", 5, delay=180)
        queue.add("w", 6, delay=0.5)
        assert queue.due(6.5) == ()  # it still runs
        queue.end("w", 7, done=done)
        assert queue.due(7) == ("w",)
        assert queue.begin("w").failures == 0


def test_a_hunt_that_is_done_is_forgotten() -> None:
    queue = Queue()
    queue.add("w", 0, delay=0)
    assert begin(queue, 0)
    queue.end("w", 1, done=True)
    assert len(queue) == 0


def test_after_30_minutes_it_is_forgotten() -> None:
    queue = Queue()
    queue.add("w", 0, delay=0)
    tries, now = 0, 0.0
    while "w" in queue:
        if begin(queue, now):
            tries += 1
            queue.end("w", now, done=False)
        now += 1
    assert now - 1 == HUNT_EXPIRY_SECONDS == 1800
    assert tries == 4 + (1800 - 140 - 1) // 120  # at 0, 20, 60, 140, then every 120 seconds


def test_an_expired_one_is_not_begun_and_a_running_one_ends_first() -> None:
    queue = Queue()
    queue.add("w", 0, delay=1799)
    queue.add("v", 0, delay=0)
    queue.begin("v")
    assert queue.due(1800) == ()
    assert len(queue) == 1
    queue.end("v", 1801, done=False)
    assert len(queue) == 0


def test_a_new_event_prolongs_the_hunt() -> None:
    queue = Queue()
    queue.add("w", 0, delay=0)
    queue.add("w", 1000, delay=0)
    assert queue.due(2799) == ("w",)
    assert queue.due(2800) == ()


def test_it_is_bounded_and_the_one_that_waited_longest_goes() -> None:
    queue = Queue(most=100)
    queue.add("running", 0, delay=0)
    queue.begin("running")
    for number in range(5000):
        queue.add(str(number), number / 100, delay=180)
    assert len(queue) == 100
    assert "4999" in queue and "0" not in queue and "running" in queue


def test_thousands_of_expiries_leave_nothing() -> None:
    queue = Queue()
    for number in range(5000):
        queue.add(str(number), number, delay=180)
        if number % 100 == 0:
            queue.due(number)
    assert len(queue) <= HUNT_EXPIRY_SECONDS + 100
    queue.due(10_000)
    assert len(queue) == 0
