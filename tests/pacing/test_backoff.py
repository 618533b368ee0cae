"""Delays after failures."""

from __future__ import annotations

import pytest

from reconciler.errors import OurFault
from reconciler.pacing.backoff import HEALTH, HUNT, Backoff, Health


def test_a_hunt_waits_20_40_80_and_then_120_seconds() -> None:
    assert [HUNT.delay(n) for n in range(1, 7)] == [20, 40, 80, 120, 120, 120]


def test_the_first_failure_is_number_one_and_zero_counts_as_it() -> None:
    assert HUNT.delay(0) == HUNT.delay(1) == 20


def test_a_relay_waits_5_seconds_to_an_hour() -> None:
    assert HEALTH.delay(1) == 5
    assert HEALTH.delay(2) == 10
    assert HEALTH.delay(30) == HEALTH.delay(10_000) == 3600


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.9), (0.5, 1.0), (1.0, 1.1)])
def test_chance_moves_a_delay_by_the_spread(chance: float, factor: float) -> None:
    assert HEALTH.delay(3, chance) == pytest.approx(20 * factor)


def test_health_counts_failures_and_says_when_to_come_back() -> None:
    once = Health().failed(1000, 0.5)
    assert once == Health(1, 1005)
    assert once.failed(2000, 0.5) == Health(2, 2010)


def test_a_pause_is_no_failure_and_never_shortens_the_wait() -> None:
    assert Health(3, 100).paused(165) == Health(3, 165)
    assert Health(3, 100).paused(65) == Health(3, 100)


@pytest.mark.parametrize(("first", "most", "spread"), [(0, 1, 0), (2, 1, 0), (1, 2, 1), (1, 2, -1)])
def test_an_impossible_backoff_is_refused(first: float, most: float, spread: float) -> None:
    with pytest.raises(OurFault):
        Backoff(first, most, spread)
