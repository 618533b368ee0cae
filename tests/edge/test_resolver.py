"""Names: a resolver that hangs costs its own name, once, and a bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.edge.egress import Egress
from reconciler.edge.resolver import Resolver
from reconciler.model.observed import Cause
from reconciler.world import Failure
from tests.kit.clients import LOOPBACK

PUBLIC = "2606:4700::1111"


class Names:
    """Two names; the answer to `slow.example` comes when it is let go. `asked` counts."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        if host == "slow.example":
            self.go.wait(20)
        return [PUBLIC, PUBLIC, "1.1.1.1"]


@pytest.fixture
def names() -> Iterator[Names]:
    found = Names()
    yield found
    found.go.set()


def refusal(resolver: Resolver, host: str) -> str:
    with pytest.raises(Failure) as found:
        resolver.addresses(host)
    assert found.value.unknown.cause is Cause.RESOLVE
    return found.value.unknown.detail


def test_addresses_come_in_order_and_each_once(names: Names) -> None:
    assert Resolver(names).addresses("quick.example") == (PUBLIC, "1.1.1.1")


def test_a_name_that_hangs_is_waited_for_once_and_delays_no_other(names: Names) -> None:
    resolver = Resolver(names, seconds=0.4)
    start = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(refusal, resolver, "slow.example") for _ in range(3)]
        assert resolver.addresses("quick.example")
        assert time.monotonic() - start < 0.3
        told = {future.result(5) for future in slow}
    assert told == {"slow.example: no answer in 0 s"}
    again = time.monotonic()
    assert refusal(resolver, "slow.example") in told
    assert time.monotonic() - again < 0.2
    assert names.asked.count("slow.example") == 1


def test_an_answer_that_comes_late_counts_from_then_on(names: Names) -> None:
    resolver = Resolver(names, seconds=0.1)
    refusal(resolver, "slow.example")
    names.go.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert resolver.addresses("slow.example") == (PUBLIC, "1.1.1.1")
            return
        except Failure:
            time.sleep(0.02)
    raise AssertionError("the answer never counted")


def test_what_the_system_does_not_know_is_told() -> None:
    assert refusal(Resolver(), "no-such-name.invalid").startswith("no-such-name.invalid: ")
    assert refusal(Resolver(), "a" * 70 + ".example") != ""


def test_each_address_is_checked_whoever_resolved_it() -> None:
    egress = Egress(resolver=Resolver(lambda _: ["1.1.1.1", "127.0.0.1"]))
    with pytest.raises(Failure) as found:
        egress.connect("mixed.example", 443)
    assert found.value.unknown.cause is Cause.EGRESS
    assert LOOPBACK.addresses("localhost")
