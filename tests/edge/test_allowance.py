"""What one server may cost, part by part: the clock stands, and is moved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from reconciler.edge.allowance import Allowance, Allowances, Ration
from reconciler.model.observed import Cause
from reconciler.world import Failure
from tests.kit.clock import Still

RATION = Ration(reading=10, question=0.5, working=100, received=2**20, disk=2**30, messages=3)


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture
def allowance(clock: Still) -> Allowance:
    return Allowance(clock, RATION)


def reason(ask: Callable[[], object]) -> str:
    with pytest.raises(Failure) as found:
        ask()
    assert found.value.unknown.cause is Cause.BUDGET
    return found.value.unknown.detail


def test_time_is_counted_while_somebody_waits_and_once_for_many(
    clock: Still, allowance: Allowance
) -> None:
    with allowance.working():
        clock.jump(10)
        with allowance.working():
            clock.jump(20)
        clock.jump(30)
        assert allowance.left() == 70
    clock.jump(1000)  # nobody waits
    with allowance.working():
        assert allowance.left() == 70


def test_every_question_adds_a_little(clock: Still, allowance: Allowance) -> None:
    for number in range(100):
        with allowance.reading():
            clock.jump(number / 2)
    with allowance.reading():
        assert allowance.left() == 10 + 101 / 2 - 99 / 2


def test_reading_and_working_are_two_purses(clock: Still, allowance: Allowance) -> None:
    with allowance.working():
        with allowance.reading():
            clock.jump(3)
            assert allowance.left() == 7.5
        assert allowance.left() == 97


@pytest.mark.parametrize(
    ("hold", "seconds", "words"), [("reading", 11, "10 s"), ("working", 101, "100 s")]
)
def test_once_its_time_is_used_up_nothing_more_is_asked(
    clock: Still, allowance: Allowance, hold: str, seconds: float, words: str
) -> None:
    begin: Callable[[], AbstractContextManager[None]] = getattr(allowance, hold)
    with begin():
        clock.jump(seconds)
        assert words in reason(allowance.left)
    for other in (allowance.reading, allowance.working):
        assert words in reason(other().__enter__)


def test_bytes_and_messages_are_counted(allowance: Allowance) -> None:
    allowance.spend_bytes(2**20)
    assert "1 MB" in reason(lambda: allowance.spend_bytes(1))
    assert "1 MB" in reason(allowance.reading().__enter__)


def test_messages_are_counted_up_to_the_allowance(allowance: Allowance) -> None:
    for _ in range(3):
        allowance.spend_message()
    assert "3 messages" in reason(allowance.spend_message)


def test_what_is_fetched_is_counted(allowance: Allowance) -> None:
    allowance.spend_disk(2**30)
    assert "1 GB" in reason(lambda: allowance.spend_disk(1))


def test_each_host_and_port_has_its_own(clock: Still) -> None:
    allowances = Allowances(clock, RATION)
    one = allowances.of("https://one.example/a")
    assert allowances.of("https://one.example/b?c") is one
    assert allowances.of("https://one.example:444/") is not one


def test_after_a_stop_nothing_begins(clock: Still, allowance: Allowance) -> None:
    clock.stop.set()
    with pytest.raises(Failure, match="the run was stopped"):
        allowance.reading().__enter__()
