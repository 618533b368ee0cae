"""How long a budget takes to pay for what is to be sent, held against the sandbox's buckets."""

from __future__ import annotations

from dataclasses import fields

import pytest

from reconciler.facts.budgets import Rate
from reconciler.facts.dialects import NGIT_GRASP, NGIT_RELAY
from reconciler.facts.ownwork import Follows
from reconciler.sandbox.family import rates
from reconciler.sandbox.family.rates import Bucket


def bucket(rate: Rate) -> Bucket:
    """One of the sandbox's, empty since the moment 0."""
    values = {f.name: getattr(rate, f.name) for f in fields(Rate) if f.name != "each"}
    found = Bucket(rates.Rate(per=rates.Per[rate.each.name], text="no", **values), 0.0)
    while found.take(0.0):
        pass
    return found


@pytest.mark.parametrize("rate", [NGIT_GRASP.budgets.events, NGIT_RELAY.budgets.events])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 15, 59])
def test_so_many_pass_after_the_wait_and_not_before(rate: Rate, count: int) -> None:
    count = min(count, rate.burst)
    passing = bucket(rate)
    assert all(passing.take(rate.wait(count)) for _ in range(count))
    early = bucket(rate)
    assert not all(early.take(rate.wait(count) - rate.seconds) for _ in range(count))


def test_more_than_a_burst_is_never_there_at_once() -> None:
    rate = NGIT_RELAY.budgets.events
    assert rate is not None
    assert rate.wait(1000) == rate.wait(rate.burst) == 900


def test_the_first_repositories_take_longest() -> None:
    found = Follows(seconds=30.0, a_minute=30)
    assert (found.within(1), found.within(30), found.within(90)) == (32, 90, 210)
