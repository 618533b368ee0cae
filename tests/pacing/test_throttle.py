"""Starts at a time, starts a minute, and taking turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OurFault
from reconciler.pacing.throttle import Decision, Limits, PeerQueue, SlidingWindow


def test_a_window_lets_its_number_through_and_says_when_the_next_may() -> None:
    window = SlidingWindow(3, 60)
    for now in (0.0, 1.0, 2.0):
        assert window.decide(now).go
        window.count(now)
    assert window.decide(30.0) == Decision(go=False, at=60.0)
    assert window.decide(59.9) == Decision(go=False, at=60.0)
    assert window.decide(60.0).go


def test_the_window_slides_start_by_start() -> None:
    window = SlidingWindow(2, 60)
    window.count(0)
    window.count(50)
    window.count(60)
    assert window.decide(61) == Decision(go=False, at=110.0)


def test_a_start_taken_back_is_that_very_start() -> None:
    window = SlidingWindow(2, 60)
    window.count(0)
    window.count(10)
    window.uncount(0)
    window.count(20)
    assert window.decide(30) == Decision(go=False, at=70.0)
    window.uncount(999)  # long forgotten: nothing to take back
    assert not window.decide(30).go


def test_a_lane_lets_five_run_and_the_sixth_only_after_an_end() -> None:
    peer: PeerQueue[int] = PeerQueue(Limits())
    for _ in range(5):
        assert peer.decide(0).go
        peer.begin(0)
    assert peer.decide(0) == Decision(go=False, at=None)
    peer.end()
    assert peer.decide(0).go


def test_what_is_not_metered_needs_a_slot_and_no_part_of_the_minute() -> None:
    peer: PeerQueue[int] = PeerQueue(Limits(concurrent=2, starts=1))
    peer.begin(0)
    assert not peer.decide(1).go
    assert peer.decide(1, metered=False).go
    peer.begin(1, metered=False)
    assert peer.decide(1, metered=False) == Decision(go=False)


def test_an_unused_start_is_given_back_to_the_minute() -> None:
    peer: PeerQueue[int] = PeerQueue(Limits(starts=1))
    peer.begin(7)
    peer.end(unused=7)
    assert peer.decide(7).go
    assert peer.is_idle(7)


def test_repositories_take_turns_whatever_they_queue() -> None:
    peer: PeerQueue[str] = PeerQueue(Limits(concurrent=100, starts=100))
    for number in range(20):
        peer.queue("big", f"big {number}")
    peer.queue("small", "small 0")
    peer.queue("tiny", "tiny 0")
    peer.queue("small", "small 1")
    order = [peer.turn(0) for _ in range(7)]
    assert order == ["big 0", "small 0", "tiny 0", "big 1", "small 1", "big 2", "big 3"]


def test_a_repository_that_comes_late_waits_one_round_and_not_a_queue() -> None:
    peer: PeerQueue[str] = PeerQueue(Limits(concurrent=100, starts=100))
    for number in range(50):
        peer.queue("big", f"big {number}")
    assert peer.turn(0) == "big 0"
    peer.queue("late", "late 0")
    assert [peer.turn(0), peer.turn(0)] == ["big 1", "late 0"]


def test_nobody_gets_a_turn_while_the_lane_is_full() -> None:
    peer: PeerQueue[str] = PeerQueue(Limits(concurrent=1))
    peer.queue("a", "first")
    peer.queue("a", "second")
    assert peer.turn(0) == "first"
    assert peer.turn(0) is None
    assert len(peer) == 1
    peer.end()
    assert peer.turn(0) == "second"
    assert peer.turn(0) is None


def test_a_withdrawn_ticket_gets_no_turn_and_leaves_nothing_behind() -> None:
    peer: PeerQueue[str] = PeerQueue(Limits())
    peer.queue("a", "one")
    peer.queue("a", "two")
    peer.withdraw("a", "one")
    peer.withdraw("b", "never queued")
    assert peer.turn(0) == "two"
    peer.end()
    assert peer.is_idle(60)


def test_a_lane_is_idle_once_its_minute_is_over() -> None:
    peer: PeerQueue[str] = PeerQueue(Limits())
    assert peer.is_idle(0)
    peer.begin(0)
    assert not peer.is_idle(100)
    peer.end()
    assert not peer.is_idle(59)
    assert peer.is_idle(60)


@pytest.mark.parametrize("limits", [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)])
def test_a_throttle_that_lets_nothing_through_is_refused(limits: tuple[int, int, float]) -> None:
    with pytest.raises(OurFault):
        Limits(*limits)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.booleans()), max_size=60))
def test_no_order_of_events_ever_breaks_a_limit(steps: list[tuple[int, int, bool]]) -> None:
    """Tickets come, time passes, visits end: counted from outside."""
    limits = Limits(concurrent=3, starts=5, seconds=60)
    peer: PeerQueue[int] = PeerQueue(limits)
    now, running = 0, 0
    starts: list[int] = []
    for number, (wait, repository, ends) in enumerate(steps):
        now += wait
        peer.queue(str(repository), number)
        if ends and running:
            peer.end()
            running -= 1
        while peer.turn(now) is not None:
            running += 1
            starts.append(now)
        assert running == peer.running <= limits.concurrent
        assert sum(now - limits.seconds < s for s in starts) <= limits.starts
        assert len(peer) == number + 1 - len(starts)
        decision = peer.decide(now)
        if decision.at is not None:
            assert peer.decide(decision.at).go
