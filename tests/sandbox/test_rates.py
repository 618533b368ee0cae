"""Budgets as values: a clock that the test holds, no server."""

from __future__ import annotations

from dataclasses import replace

from reconciler.sandbox.family.rates import Bucket, Buckets, Per, Rate

PLAIN = Rate(Per.CONNECTION, 3, 2, 10.0, "no")


def spend(bucket: Bucket, now: float) -> int:
    """How many it gives at once."""
    return next(n for n in range(99) if not bucket.take(now))


def test_burst_and_steps() -> None:
    bucket = Bucket(PLAIN, 0.0)
    assert spend(bucket, 0.0) == 3
    assert spend(bucket, 9.9) == 0
    assert spend(bucket, 10.0) == 2
    assert spend(bucket, 19.9) == 0
    assert spend(bucket, 20.0) == 2  # steps count from the start, whoever asks between
    assert spend(bucket, 1000.0) == 3  # never more than the burst


def test_restarting_steps_starve_those_who_ask_too_often() -> None:
    bucket = Bucket(replace(PLAIN, restarts=True), 0.0)
    spend(bucket, 0.0)
    assert not any(bucket.take(9.9 * n) for n in range(1, 9))
    assert spend(bucket, 9.9 * 8 + 10.0) == 2


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
