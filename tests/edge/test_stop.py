"""A stop: what it wakes, what it waits for, and what it cuts."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.edge.child import Git
from reconciler.edge.clock import Clock
from reconciler.edge.stop import Stop
from reconciler.model.observed import Cause
from reconciler.plumbing.child import Children
from reconciler.world import Failure
from tests.kit.clients import web
from tests.kit.clock import Still
from tests.kit.peers import answer, door, request


def test_it_is_an_event() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    assert not stop.is_set()
    stop.set()
    assert stop.wait(0.01)
    assert stop.is_set()


def test_what_is_under_way_is_cut_once_after_the_grace() -> None:
    stop, cuts = Stop(grace=0.2), list[float]()
    start = time.monotonic()
    with stop.under_way(lambda: cuts.append(time.monotonic() - start)):
        stop.set()
        stop.set()
        time.sleep(0.6)
    (after,) = cuts
    assert 0.2 <= after < 0.5


def test_what_has_ended_is_not_cut() -> None:
    stop, cuts = Stop(grace=0.05), list[str]()
    with stop.under_way(lambda: cuts.append("cut")):
        stop.set()
    time.sleep(0.2)
    assert cuts == []


def test_what_begins_too_late_is_cut_at_once() -> None:
    stop, cuts = Stop(), list[str]()
    stop.cut()
    assert stop.is_set()
    with stop.under_way(lambda: cuts.append("cut")):
        assert cuts == ["cut"]


def test_a_sleeper_wakes_when_the_clock_jumps_and_when_the_run_stops() -> None:
    clock = Still()
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(clock.until, 60), pool.submit(clock.until, 120)
        time.sleep(0.1)
        clock.jump(59)
        time.sleep(0.1)
        assert not one.done()
        clock.jump(60)
        one.result(2)
        assert not two.done()
        clock.stop.set()
        with pytest.raises(Failure, match="the run was stopped"):
            two.result(2)


def test_no_notice_is_lost_between_looking_and_waiting() -> None:
    clock = Still()

    def jump() -> None:
        for second in range(2000):
            clock.jump(second + 1)

    def follow() -> None:
        for second in range(2000):
            clock.until(second + 1)

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(follow) for _ in range(3)] + [pool.submit(jump)]
        for each in running:
            each.result(20)


def test_an_http_exchange_is_cut_after_the_grace() -> None:
    clock = Clock(Stop(grace=0.3))
    asked = threading.Event()

    def talk(connection: socket.socket) -> None:
        asked.set()
        time.sleep(5)

    with door(talk) as place, ThreadPoolExecutor(1) as pool:
        client = web(clock=clock)
        future = pool.submit(client.get, place.url, accept="*/*", limit=9, seconds=5)
        asked.wait(5)
        clock.stop.set()
        with pytest.raises(Failure) as found:
            future.result(2)
    assert found.value.unknown.cause is Cause.STOPPED


def test_an_http_exchange_that_ends_in_time_is_whole_and_the_next_does_not_begin() -> None:
    clock = Clock(Stop(grace=5))
    asked, go = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        request(connection)
        asked.set()
        go.wait(5)
        connection.sendall(answer("200 OK", b"whole"))

    with door(talk) as place, ThreadPoolExecutor(1) as pool:
        client = web(clock=clock)
        future = pool.submit(client.get, place.url, accept="*/*", limit=9, seconds=5)
        asked.wait(5)
        clock.stop.set()
        go.set()
        assert future.result(5)[1] == b"whole"
        with pytest.raises(Failure, match="the run was stopped"):
            client.get(place.url, accept="*/*", limit=9, seconds=5)
        assert place.connections == 1


def test_git_is_killed_with_its_children_after_the_grace(tmp_path: Path) -> None:
    children, stop = Children(), Stop(grace=0.2)
    git = Git(tmp_path, "/bin/sh", children)
    with stop.under_way(children.kill), ThreadPoolExecutor(1) as pool:
        future = pool.submit(git.run, "-c", "sleep 60 & wait")
        time.sleep(0.3)
        stop.set()
        with pytest.raises(Failure) as found:
            future.result(3)
    assert found.value.unknown.cause is Cause.STOPPED
