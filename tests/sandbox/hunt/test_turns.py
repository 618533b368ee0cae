"""`pacing.throttle` driven by asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from reconciler.pacing.throttle import Limits
from reconciler.sandbox.hunt.turns import LIMITS, Turns
from tests.kit.clock import Hands


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 5))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_limits_are_those_of_grasp_02_with_a_second_for_the_way() -> None:
    assert Limits(5, 30, 61.0) == LIMITS


def test_visits_of_one_domain_wait_and_others_do_not() -> None:
    async def work() -> None:
        turns, order = Turns(Hands(), Limits(concurrent=1)), []
        go = asyncio.Event()

        async def visit(domain: str, repository: str) -> None:
            async with turns.turn(domain, repository):
                order.append((domain, repository))
                await go.wait()

        tasks = [
            asyncio.create_task(visit(*where))
            for where in (("a", "big"), ("a", "big"), ("a", "small"), ("b", "big"))
        ]
        await settle()
        assert order == [("a", "big"), ("b", "big")]
        assert turns.queued() == {"a": 2}
        go.set()
        await asyncio.gather(*tasks)
        assert order == [("a", "big"), ("b", "big"), ("a", "big"), ("a", "small")]

    run(work())


def test_time_that_has_passed_hands_out_turns() -> None:
    async def work() -> None:
        clock = Hands()
        turns = Turns(clock, Limits(starts=1, seconds=60))
        async with turns.turn("a", "r"):
            pass
        entered = asyncio.Event()

        async def second() -> None:
            async with turns.turn("a", "r"):
                entered.set()

        task = asyncio.create_task(second())
        clock.now = 59
        turns.tick()
        await settle()
        assert not entered.is_set()
        clock.now = 60
        turns.tick()
        await task
        assert entered.is_set()

    run(work())


def test_an_unused_turn_costs_nothing_of_the_minute() -> None:
    async def work() -> None:
        turns = Turns(Hands(), Limits(starts=1))
        for _ in range(50):
            async with turns.turn("a", "r") as turn:
                turn.unused()
        async with turns.turn("a", "r"):
            pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), turns.turn("a", "r"):
                pass

    run(work())


def test_who_is_cancelled_while_waiting_holds_up_nobody() -> None:
    async def work() -> None:
        turns = Turns(Hands(), Limits(concurrent=1))
        started = asyncio.Event()

        async def hold(repository: str) -> None:
            async with turns.turn("a", repository):
                started.set()
                await asyncio.sleep(0)

        async with turns.turn("a", "first"):
            waiting = asyncio.create_task(hold("second"))
            last = asyncio.create_task(hold("third"))
            await settle()
            waiting.cancel()
            await settle()
            assert turns.queued() == {"a": 1}
        await last
        assert started.is_set()

    run(work())


def test_who_is_cancelled_just_when_its_turn_comes_gives_it_back() -> None:
    async def work() -> None:
        clock = Hands()
        turns = Turns(clock, Limits(concurrent=1, starts=2))

        async def hold() -> None:
            async with turns.turn("a", "r"):
                raise AssertionError

        async with turns.turn("a", "r"):
            task = asyncio.create_task(hold())
            await settle()
        task.cancel()  # the turn was handed out; the task has not run since
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        async with asyncio.timeout(1), turns.turn("a", "r"):
            pass

    run(work())


def test_idle_domains_are_forgotten() -> None:
    async def work() -> None:
        clock = Hands()
        turns = Turns(clock)
        for number in range(3000):
            async with turns.turn(f"d{number}", "r"):
                pass
            clock.now += 1
            turns.tick()
        assert len(turns) <= 61
        clock.now += 61
        turns.tick()
        assert len(turns) == 0

    run(work())
