"""When a daemon runs: each interval, and soon after it hears of something."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.pacing.rounds import Due, Later, Rounds


def rounds() -> Rounds:
    found = Rounds(interval=100, jitter=10, gather=1, most=3)
    assert found.decide(0, 0.5) == Due()
    return found


def test_everything_is_due_at_once_and_then_each_interval_with_its_jitter() -> None:
    found = rounds()
    assert found.decide(1, 0) == Later(105)
    assert found.decide(104.9, 0) == Later(105)
    assert found.decide(105, 1) == Due()
    assert found.decide(106, 0) == Later(215)


def test_what_was_heard_of_is_gathered_for_a_moment_and_run_once() -> None:
    found = rounds()
    found.ask("a", 10)
    found.ask("b", 10.5)
    found.ask("a", 10.9)
    assert found.decide(10.9, 0) == Later(11)
    assert found.decide(11, 0) == Due(("a", "b"))
    assert found.decide(11, 0) == Later(105)


def test_much_at_once_is_everything() -> None:
    found = rounds()
    for name in "abcd":
        found.ask(name, 10)
    assert found.decide(11, 0) == Due()
    assert found.decide(12, 0) == Later(111)


def test_a_run_of_everything_covers_what_was_heard_of_before() -> None:
    found = rounds()
    found.ask("a", 104.8)
    assert found.decide(105, 0) == Due()
    assert found.decide(110, 0) == Later(205)


def test_a_new_desired_state_is_everything_now() -> None:
    found = rounds()
    found.ask_all(20)
    assert found.decide(20, 0) == Due()
    assert found.decide(21, 0) == Later(120)


@given(st.lists(st.tuples(st.floats(0, 50), st.sampled_from("abcde") | st.none()), max_size=60))
def test_nothing_that_was_heard_of_is_forgotten_and_nothing_runs_unasked(
    steps: list[tuple[float, str | None]],
) -> None:
    found = Rounds(interval=100, gather=1, most=3)
    now, open_, last = 0.0, set[str](), -1e9
    for wait, name in steps:
        now += wait
        if name:
            found.ask(name, now)
            open_.add(name)
        match found.decide(now, 0.3):
            case Due(()):
                assert last < 0 or now - last >= 100 or len(open_) > 3
                last = now
                open_.clear()
            case Due(names):
                assert set(names) == open_
                open_.clear()
            case Later(at):
                assert at > now
                assert not open_ or at <= now + 1
