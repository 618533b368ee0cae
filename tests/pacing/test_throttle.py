"""Starts at a time, starts a minute, and taking turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OurFault
from reconciler.pacing.throttle import Decision, Lane, Limits, Window


def test_a_window_lets_its_number_through_and_says_when_the_next_may() -> None:
    window = Window(3, 60)
    for now in (0.0, 1.0, 2.0):
        assert window.decide(now).go
        window.count(now)
    assert window.decide(30.0) == Decision(go=False, at=60.0)
    assert window.decide(59.9) == Decision(go=False, at=60.0)
    assert window.decide(60.0).go


def test_the_window_slides_start_by_start() -> None:
    window = Window(2, 60)
    window.count(0)
    window.count(50)
    window.count(60)
    assert window.decide(61) == Decision(go=False, at=110.0)


def test_a_start_taken_back_is_that_very_start() -> None:
    window = Window(2, 60)
    window.count(0)
    window.count(10)
    window.uncount(0)
    window.count(20)
    assert window.decide(30) == Decision(go=False, at=70.0)
    window.uncount(999)  # long forgotten: nothing to take back
    assert not window.decide(30).go


def test_a_lane_lets_five_run_and_the_sixth_only_after_an_end() -> None:
    lane: Lane[int] = Lane(Limits())
    for _ in range(5):
        assert lane.decide(0).go
        lane.begin(0)
    assert lane.decide(0) == Decision(go=False, at=None)
    lane.end()
    assert lane.decide(0).go


def test_what_is_not_metered_needs_a_slot_and_no_part_of_the_minute() -> None:
    lane: Lane[int] = Lane(Limits(concurrent=2, starts=1))
    lane.begin(0)
    assert not lane.decide(1).go
    assert lane.decide(1, metered=False).go
    lane.begin(1, metered=False)
    assert lane.decide(1, metered=False) == Decision(go=False)


def test_an_unused_start_is_given_back_to_the_minute() -> None:
    lane: Lane[int] = Lane(Limits(starts=1))
    lane.begin(7)
    lane.end(unused=7)
    assert lane.decide(7).go
    assert lane.is_idle(7)


def test_repositories_take_turns() -> None:
    lane: Lane[str] = Lane(Limits(concurrent=100, starts=100))
    for number in range(20):
        lane.queue("big", f"big {number}")
    lane.queue("small", "small 0")
    lane.queue("tiny", "tiny 0")
    lane.queue("small", "small 1")
    order = [lane.turn(0) for _ in range(7)]
    assert order == ["big 0", "small 0", "tiny 0", "big 1", "small 1", "big 2", "big 3"]


def test_a_repository_that_comes_late_waits_one_round_and_not_a_queue() -> None:
    lane: Lane[str] = Lane(Limits(concurrent=100, starts=100))
    for number in range(50):
        lane.queue("big", f"big {number}")
    assert lane.turn(0) == "big 0"
    lane.queue("late", "late 0")
    assert [lane.turn(0), lane.turn(0)] == ["big 1", "late 0"]


def test_nobody_gets_a_turn_while_the_lane_is_full() -> None:
    lane: Lane[str] = Lane(Limits(concurrent=1))
    lane.queue("a", "first")
    lane.queue("a", "second")
    assert lane.turn(0) == "first"
    assert lane.turn(0) is None
    assert len(lane) == 1
    lane.end()
    assert lane.turn(0) == "second"
    assert lane.turn(0) is None


def test_a_withdrawn_ticket_gets_no_turn_and_leaves_nothing_behind() -> None:
    lane: Lane[str] = Lane(Limits())
    lane.queue("a", "one")
    lane.queue("a", "two")
    lane.withdraw("a", "one")
    lane.withdraw("b", "never queued")
    assert lane.turn(0) == "two"
    lane.end()
    assert lane.is_idle(60)


def test_a_lane_is_idle_once_its_minute_is_over() -> None:
    lane: Lane[str] = Lane(Limits())
    assert lane.is_idle(0)
    lane.begin(0)
    assert not lane.is_idle(100)
    lane.end()
    assert not lane.is_idle(59)
    assert lane.is_idle(60)


@pytest.mark.parametrize("limits", [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)])
def test_a_throttle_that_lets_nothing_through_is_refused(limits: tuple[int, int, float]) -> None:
    with pytest.raises(OurFault):
        Limits(*limits)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.booleans()), max_size=60))
def test_no_order_of_events_ever_breaks_a_limit(steps: list[tuple[int, int, bool]]) -> None:
    """Tickets come, time passes, visits end: counted from outside."""
    limits = Limits(concurrent=3, starts=5, seconds=60)
    lane: Lane[int] = Lane(limits)
    now, running = 0, 0
    starts: list[int] = []
    for number, (wait, repository, ends) in enumerate(steps):
        now += wait
        lane.queue(str(repository), number)
        if ends and running:
            lane.end()
            running -= 1
        while lane.turn(now) is not None:
            running += 1
            starts.append(now)
        assert running == lane.running <= limits.concurrent
        assert sum(now - limits.seconds < s for s in starts) <= limits.starts
        assert len(lane) == number + 1 - len(starts)
        decision = lane.decide(now)
        if decision.at is not None:
            assert lane.decide(decision.at).go
