"""Budgets as values, with a clock that the test holds; and those of a server's connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.family.rates import Bucket, Buckets, Per, Rate
from tests.kit.patience import eventually
from tests.kit.servers import ALICE, NOW, publish

from .conftest import Starter

PLAIN = Rate(per=Per.CONNECTION, burst=3, refill=2, seconds=10.0, text="no")


def spend(bucket: Bucket, now: float) -> int:
    """How many it gives at once."""
    return next(n for n in range(99) if not bucket.take(now))


def test_a_bucket_holds_a_burst_and_fills_in_steps() -> None:
    bucket = Bucket(PLAIN, 0.0)
    assert spend(bucket, 0.0) == 3
    assert spend(bucket, 9.9) == 0
    assert spend(bucket, 10.0) == 2
    assert spend(bucket, 19.9) == 0
    assert spend(bucket, 20.0) == 2  # steps count from the start, whoever asks between
    assert spend(bucket, 1000.0) == 3  # never more than the burst


def test_a_budget_that_restarts_gives_back_one_in_two_steps() -> None:
    bucket = Bucket(replace(PLAIN, refill=1, restarts=True), 0.0)
    assert spend(bucket, 0.0) == 3
    assert [bucket.take(9.0 * n) for n in range(1, 7)] == [False, False, True, False, False, True]
    assert [bucket.take(54.0 + 10.0 * n) for n in range(1, 4)] == [True, True, True]
    assert spend(bucket, 1000.0) == 2  # a refused request costs one, too


COUNTED = {
    "ngit-grasp": ((0.0, 75, 60), (1.05, 5, 0), (2.05, 6, 2), (3.05, 7, 2), (5.05, 9, 4),
                   (10.05, 14, 9), (30.05, 34, 29), (61.05, 65, 59)),
    "ngit-relay": ((0.0, 75, 15), (60.0, 4, 0), (60.0, 4, 0), (30.0, 4, 0), (31.0, 4, 3),
                   (19.0, 4, 0), (162.0, 4, 3)),
}  # fmt: skip
"""Real servers: after a pause of so many seconds, of so many events at once, so many passed."""


@pytest.mark.parametrize("family", COUNTED)
def test_a_family_takes_as_many_events_as_the_real_one_did(family: str) -> None:
    rate = PRESETS[family].limits.events
    assert rate is not None
    bucket, now, passed = Bucket(rate, 0.0), 0.0, []
    for pause, sent, _ in COUNTED[family]:
        now += pause
        passed.append(sum(bucket.take(now) for _ in range(sent)))
    assert passed == [taken for *_, taken in COUNTED[family]]


def test_keys_do_not_share() -> None:
    now = [0.0]
    buckets = Buckets(PLAIN, lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b")
    now[0] = 10.0
    assert buckets.take("a")
    assert buckets.text == "no"


def test_no_rate_is_no_limit() -> None:
    assert all(Buckets(None, float).take("a") for _ in range(500))


def test_budgets_that_are_full_again_are_forgotten() -> None:
    now = [0.0]
    buckets = Buckets(PLAIN, lambda: now[0])
    for number in range(1000):
        now[0] += 1.0
        assert buckets.take(str(number))
    assert len(buckets) < 200
    assert [buckets.take("999") for _ in range(3)] == [True, True, False]  # one that is not full


def test_nobody_gains_by_a_crowd() -> None:
    buckets = Buckets(PLAIN, lambda: 0.0)
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    assert all(buckets.take(str(number)) for number in range(1000))
    assert not buckets.take("a")


def test_a_budget_is_forgotten_with_its_connection(starter: Starter) -> None:
    one = starter(family="ngit-grasp")  # a budget a connection
    for _ in range(20):
        publish(one, ALICE.sign(1))
    eventually(lambda: one.budgets == 0)


def test_a_budget_an_address_outlives_its_connections(starter: Starter) -> None:
    server = starter(family="ngit-relay")
    answers = [publish(server, ALICE.sign(1, at=NOW + n))[0][1] for n in range(16)]
    assert "rate-limited" not in answers[14]
    assert answers[15].startswith("rate-limited")
    assert server.budgets == 1
