"""One line to a relay over a whole run: idle spells, budgets, doors, floods, and a stop."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from reconciler.edge.clock import Clock
from reconciler.edge.relay import RelayClient
from reconciler.edge.stop import Stop
from reconciler.limits import DOOR_BYTES, EVENT_BYTES, WS_CONTROL_BYTES
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.demo.authors import new
from reconciler.world import Failure
from tests.kit.clients import oks, relay
from tests.kit.clock import Hasty
from tests.kit.peers import Door, Talk, answer, door, drip, request
from tests.kit.websocket import frame, hear, note, say, upgrade

ALICE = new("alice")
BOB = new("bob")
ASKED = Filter(authors=(ALICE.pubkey,))
AT = 1_700_000_000
Dial = Callable[..., tuple[RelayClient, Door]]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Start a relay that talks so, and connect to it."""
    with ExitStack() as stack:

        def connect(talk: Talk, **options: Any) -> tuple[RelayClient, Door]:
            place = stack.enter_context(door(talk))
            client = relay(place.url, **options)
            stack.callback(client.close)
            return client, place

        yield connect


def failure(client: RelayClient) -> Failure:
    with pytest.raises(Failure) as found:
        client.query([ASKED])
    return found.value


# --- idle spells -------------------------------------------------------------------------------


def impatient(seconds: float) -> Talk:
    """A relay that cuts whoever says nothing for so long, as khatru does with unanswered pings."""

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        connection.settimeout(seconds)
        while True:
            message = hear(connection)
            if message[0] == "EVENT":
                say(connection, "OK", message[1]["id"], True, "")
            elif message[0] == "REQ":
                say(connection, "EOSE", message[1])

    return talk


def test_a_wait_for_the_throttle_breaks_no_connection(dial: Dial) -> None:
    client, place = dial(impatient(0.3), idle=0.2)
    events = [note(ALICE, AT + number) for number in range(3)]
    for event in events:
        time.sleep(0.4)  # between what the budget pays for, the line is left alone
        assert [ok.event_id for ok in oks(client.publish([event]))] == [event.id]
    assert place.connections == 4


def test_a_line_that_lay_idle_is_opened_anew(dial: Dial) -> None:
    client, place = dial(impatient(0.3), idle=0.2)
    for _ in range(2):
        assert client.query([ASKED]) == ()
        assert client.query([ASKED]) == ()
        time.sleep(0.5)
    assert place.connections == 2


# --- the door ----------------------------------------------------------------------------------


def endless_line(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
    while True:
        connection.sendall(b"y" * 65536)


def endless_lines(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
    while True:
        connection.sendall(b"X-A: b\r\n" * 1000)


def endless_page(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99999999999\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


@pytest.mark.parametrize("talk", [endless_line, endless_lines, endless_page])
def test_a_door_that_says_too_much_is_left(dial: Dial, talk: Talk) -> None:
    start = time.monotonic()
    with pytest.raises(Failure) as found:
        dial(talk)
    assert str(DOOR_BYTES) in str(found.value)
    assert time.monotonic() - start < 5


def test_a_door_that_is_busy_is_knocked_at_again(dial: Dial) -> None:
    clock = Hasty()
    busy = [answer("429 Slow Down", b"", "Retry-After: 7"), answer("503 Busy")]

    def talk(connection: socket.socket) -> None:
        if busy:
            request(connection)
            connection.sendall(busy.pop(0))
        else:
            impatient(5)(connection)

    client, place = dial(talk, clock=clock)
    assert client.query([ASKED]) == ()
    assert place.connections == 3
    assert round(clock.slept[0]) == 7


@pytest.mark.parametrize(
    ("status", "cause", "times"),
    [("429 Slow Down", Cause.RATE, 3), ("502 Bad", Cause.HTTP, 3), ("403 No", Cause.HTTP, 1)],
)
def test_a_door_that_stays_shut_is_named(dial: Dial, status: str, cause: Cause, times: int) -> None:
    knocks = []

    def talk(connection: socket.socket) -> None:
        knocks.append(request(connection))
        connection.sendall(answer(status))

    with pytest.raises(Failure) as found:
        dial(talk)
    assert (found.value.unknown.cause, status[:3] in str(found.value)) == (cause, True)
    assert len(knocks) == times


# --- floods ------------------------------------------------------------------------------------


def flood(*messages: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        name = hear(connection)[1]
        for message in messages:
            connection.sendall(frame(message.replace(b"SUB", name.encode())))
        hear(connection)

    return talk


def test_a_large_message_that_is_no_event_is_not_read(dial: Dial) -> None:
    brackets = b'["NOTICE",' + b"[]," * WS_CONTROL_BYTES + b"1]"
    client, _ = dial(flood(brackets, brackets, b'["EOSE","SUB"]'), cap=9)
    assert client.query([ASKED]) == ()
    ((reason, times),) = client.left_out()
    assert (str(WS_CONTROL_BYTES) in reason, times) == (True, 2)


@pytest.mark.parametrize("head", [b'["EVENT","SUB",', b' [ "EVENT" ,\n "SUB" , '])
def test_a_large_event_is_read_however_it_is_written(dial: Dial, head: bytes) -> None:
    large = note(ALICE, AT, "x" * 2 * WS_CONTROL_BYTES)
    from_wire = head + as_json(large) + b"]"
    client, _ = dial(flood(from_wire, b'["EOSE","SUB"]'), cap=9)
    assert client.query([ASKED]) == (large,)


def as_json(event: Event) -> bytes:
    return json.dumps(event.to_json()).encode()


def test_bytes_of_a_run_are_bounded(dial: Dial) -> None:
    chatter = b'["NOTICE","' + b"x" * 50_000 + b'"]'
    client, _ = dial(flood(*[chatter] * 30), received=2**20)
    found = failure(client)
    assert (found.unknown.cause, "1 MB" in str(found)) == (Cause.BUDGET, True)
    assert failure(client).unknown == found.unknown


def test_memory_for_events_is_bounded_and_each_is_kept_once(dial: Dial) -> None:
    events = [note(ALICE, AT + number, "é" * 1000) for number in range(5)]

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        while True:
            name = hear(connection)[1]
            for event in events:
                say(connection, "EVENT", name, event.to_json())
            say(connection, "EOSE", name)
            hear(connection)

    client, _ = dial(talk, cap=9, keeps=4 * 5000)
    first, second = client.query([ASKED]), client.query([ASKED])
    assert len(first) == 5
    assert all(one is other for one, other in zip(first, second, strict=True))
    client, _ = dial(talk, cap=9, keeps=4 * 5000 - 1)
    found = failure(client)
    assert (found.unknown.cause, "memory" in str(found)) == (Cause.BUDGET, True)


def test_an_event_that_is_too_large_is_left_out(dial: Dial) -> None:
    large = altered(b"x" * EVENT_BYTES)
    good = note(ALICE, AT)
    client, _ = dial(
        flood(
            b'["EVENT","SUB",' + large + b"]",
            b'["EVENT","SUB",' + as_json(good) + b"]",
            b'["EOSE","SUB"]',
        ),
        cap=9,
    )
    assert client.query([ASKED]) == (good,)
    assert client.left_out() == ((f"the event is larger than {EVENT_BYTES} bytes", 1),)


def altered(content: bytes) -> bytes:
    small = as_json(note(ALICE, AT))
    return small.replace(b'"content": ""', b'"content": "' + content + b'"')


def test_a_relay_that_does_not_read_keeps_nobody(dial: Dial) -> None:
    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        while True:
            connection.recv(1)
            time.sleep(0.05)

    client, _ = dial(talk, working=0.5)
    large = [note(ALICE, AT + number, "x" * 2**20) for number in range(10)]
    start = time.monotonic()
    answers = client.publish(large)
    assert {a.cause for a in answers if isinstance(a, Unknown)} == {Cause.TIMEOUT}
    assert "is used up" in str(answers[0])
    assert time.monotonic() - start < 5


# --- a stop ------------------------------------------------------------------------------------


def chatting(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    while True:
        say(connection, "NOTICE", "please hold the line")
        time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    hear(connection)


def dripping(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    drip(connection, frame(b" " * 1000))


@pytest.mark.parametrize("talk", [chatting, silent, dripping])
def test_a_stop_ends_a_question_within_its_grace(dial: Dial, talk: Talk) -> None:
    clock = Clock(Stop(grace=0.3))
    client, _ = dial(talk, clock=clock)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.query, [ASKED])
        time.sleep(0.2)
        assert not future.done()
        clock.stop.set()
        with pytest.raises(Failure) as found:
            future.result(2)
    assert found.value.unknown.cause is Cause.STOPPED


@pytest.mark.parametrize("talk", [chatting, silent, dripping])
def test_a_stop_ends_a_publication_within_its_grace(dial: Dial, talk: Talk) -> None:
    clock = Clock(Stop(grace=0.3))
    client, _ = dial(talk, clock=clock)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.publish, [note(ALICE, AT)])
        time.sleep(0.2)
        assert not future.done()
        clock.stop.set()
        (answer,) = future.result(2)
    assert answer == Unknown(Cause.TIMEOUT, "sent, not answered: the run was stopped")


def test_what_was_answered_before_a_stop_is_told_and_the_rest_was_not_sent(dial: Dial) -> None:
    clock = Clock(Stop(grace=5))

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        for number in range(50):  # as many as go before answers are read
            heard = hear(connection)[1]["id"]
            if number == 49:
                clock.stop.set()
            say(connection, "OK", heard, True, "")

    client, _ = dial(talk, clock=clock)
    events = [note(ALICE, AT + number) for number in range(52)]
    *answered, last, end = client.publish(events)
    assert [ok.event_id for ok in oks(answered)] == [event.id for event in events[:50]]
    assert last == end == Unknown(Cause.STOPPED, "the run was stopped")


def test_a_stop_ends_a_question_at_the_next_message(dial: Dial) -> None:
    clock = Clock(Stop(grace=5))
    client, _ = dial(chatting, clock=clock)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.query, [ASKED])
        time.sleep(0.2)
        clock.stop.set()
        with pytest.raises(Failure, match="the run was stopped"):
            future.result(2)


def test_a_stop_lets_the_ok_arrive_that_is_under_way(dial: Dial) -> None:
    asked, go = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        heard = hear(connection)[1]["id"]
        asked.set()
        go.wait(5)
        say(connection, "OK", heard, True, "late")
        with suppress(EOFError):
            hear(connection)

    clock = Clock(Stop(grace=5))
    client, _ = dial(talk, clock=clock)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.publish, [note(ALICE, AT)])
        asked.wait(5)
        clock.stop.set()
        go.set()
        assert oks(future.result(5))[0].message == "late"
    assert client.publish([note(ALICE, AT)]) == (Unknown(Cause.STOPPED, "the run was stopped"),)


def test_a_stop_cuts_a_door_that_does_not_open() -> None:
    clock = Clock(Stop(grace=0.2))

    def hang(connection: socket.socket) -> None:
        request(connection)
        time.sleep(5)

    with door(hang) as place, ThreadPoolExecutor(1) as pool:
        future = pool.submit(relay, place.url, clock=clock)
        time.sleep(0.2)
        clock.stop.set()
        with pytest.raises(Failure, match="the run was stopped"):
            future.result(2)
