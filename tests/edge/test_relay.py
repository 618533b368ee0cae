"""The relay conversation against relays that cap, lie, flood, hang and cut."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from reconciler.edge.relay import RelayClient
from reconciler.limits import WS_MESSAGE_BYTES
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter, parse
from reconciler.nostr.messages import Ok
from reconciler.sandbox.demo.authors import new
from reconciler.world import Failure
from tests.kit.clients import oks, relay
from tests.kit.peers import Door, Talk, answer, door, drip, request, saying
from tests.kit.websocket import PING, frame, frame_head, hear, note, say, stored, upgrade

ALICE = new("alice")
BOB = new("bob")
ASKED = Filter(authors=(ALICE.pubkey,))
AT = 1_700_000_000
Dial = Callable[..., RelayClient]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Start a relay that talks so, and connect to it."""
    with ExitStack() as stack:

        def connect(
            talk: Talk, *, cap: int | None = None, silence: float = 5, **limits: Any
        ) -> RelayClient:
            place: Door = stack.enter_context(door(talk))
            client = relay(place.url, cap=cap, silence=silence, **limits)
            stack.callback(client.close)
            return client

        yield connect


def failure(client: RelayClient) -> Failure:
    with pytest.raises(Failure) as found:
        client.query([ASKED])
    return found.value


def answering(*messages: object) -> Talk:
    """Every question is answered by these frames or, as lists, messages; `SUB` is its name."""

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        while True:
            name = hear(connection)[1]
            for message in messages:
                if isinstance(message, bytes):
                    connection.sendall(message)
                elif isinstance(message, list):
                    say(connection, *(name if word == "SUB" else word for word in message))

    return talk


# --- paging ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history() -> list[Event]:
    """1,300 events; every third second holds two, so that caps cut through a second."""
    return [note(ALICE, AT + number - number % 3 // 2, str(number)) for number in range(1300)]


@pytest.mark.parametrize("cap", [3, 7, 500, 5000])
def test_every_event_comes_whatever_the_cap(dial: Dial, history: list[Event], cap: int) -> None:
    events = history[: 60 if cap < 10 else None]
    pages: list[Filter] = []
    client = dial(stored(events, cap, pages=pages))
    found = client.query([ASKED, Filter(ids=(events[0].id,))])
    assert sorted(event.id for event in found) == sorted(event.id for event in events)
    assert len(pages) > 3


@pytest.mark.parametrize(("cap", "count", "asked"), [(3, 1, 1), (3, 4, 3), (500, 20, 1)])
def test_a_known_cap_saves_the_last_question(
    dial: Dial, history: list[Event], cap: int, count: int, asked: int
) -> None:
    pages: list[Filter] = []
    client = dial(stored(history[:count], cap, pages=pages), cap=cap)
    assert len(client.query([ASKED])) == count
    assert len(pages) == asked


@pytest.mark.parametrize("known", [None, 3])
@pytest.mark.parametrize("older", [0, 5])
def test_more_in_one_second_than_an_answer_holds_is_incomplete(
    dial: Dial, known: int | None, older: int
) -> None:
    crowd = [note(ALICE, AT, str(number)) for number in range(4)]
    crowd += [note(ALICE, AT - 1 - number) for number in range(older)]
    client = dial(stored(crowd, 3), cap=known)
    if known is None and not older:
        # a relay that hides its cap, and has nothing else: nobody can tell it from an honest one
        assert len(client.query([ASKED])) == 3
        return
    assert "more events in one second" in str(failure(client))


def test_five_hundred_in_one_second_is_incomplete(dial: Dial) -> None:
    crowd = [note(ALICE, AT, str(number)) for number in range(501)]
    assert "more events in one second" in str(failure(dial(stored(crowd, 500))))


def test_a_cap_of_one_proves_nothing(dial: Dial) -> None:
    assert dial(stored([note(ALICE, AT)], 1)).query([ASKED])
    crowd = [note(ALICE, AT, "a"), note(ALICE, AT, "b"), note(ALICE, AT - 1)]
    assert "more events in one second" in str(failure(dial(stored(crowd, 1))))


def test_one_second_alone_is_complete(dial: Dial) -> None:
    events = [note(ALICE, AT, str(number)) for number in range(3)]
    assert len(dial(stored(events, 500)).query([ASKED])) == 3


def test_a_relay_that_repeats_itself_ends(dial: Dial) -> None:
    same = note(ALICE, 0).to_json()
    client = dial(answering(["EVENT", "SUB", same], ["EOSE", "SUB"]))
    assert len(client.query([ASKED])) == 1


# --- lies ------------------------------------------------------------------------------------


def forged() -> object:
    raw = note(ALICE, AT).to_json()
    return raw | {"sig": BOB.sign(1, (), at=AT).sig}


def altered() -> object:
    return note(ALICE, AT).to_json() | {"content": "other words"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (forged(), "the event's signature does not hold"),
        (altered(), "the event's id is not the hash of its fields"),
        (note(BOB, AT).to_json(), "the event was not asked for"),
        ({"id": "x"}, "an event needs id, pubkey, created_at, kind, tags, content and sig"),
        ("text", "an event needs id, pubkey, created_at, kind, tags, content and sig"),
    ],
)
def test_an_event_that_lies_is_left_out_and_counted_and_the_others_are_used(
    dial: Dial, raw: object, words: str
) -> None:
    good = note(ALICE, AT + 1)
    odd = ["EVENT", "SUB", raw]
    client = dial(answering(odd, ["EVENT", "SUB", good.to_json()], odd, ["EOSE", "SUB"]), cap=500)
    assert client.left_out() == ()
    assert client.query([ASKED]) == (good,)
    assert client.left_out() == ((words, 2),)
    assert client.query([ASKED]) == (good,)
    assert client.left_out() == ((words, 4),)


@pytest.mark.parametrize(
    "text",
    [
        b"no json at all",
        b"",
        b"{}",
        b"[,",
        b'["EVENT",1]',
        b'["EOSE"]',
        b'["NOTICE","\\ud800"]',
        b'["NOTICE","\xff"]',
        b'["NOTICE",' + 1_000 * b"[" + 1_000 * b"]" + b"]",
        b'["EVENT","r1",{"id":"a","id":"b"}]',
        b'["EVENT","r1",{"id":"a"}],["EVENT","r1",{}]',
    ],
)
def test_a_message_that_cannot_be_read_costs_the_answer_nothing(dial: Dial, text: bytes) -> None:
    good = note(ALICE, AT)
    client = dial(
        answering(frame(text), ["EVENT", "SUB", good.to_json()], ["EOSE", "SUB"]), cap=500
    )
    assert client.query([ASKED]) == (good,)
    assert client.left_out() == (("a message could not be read", 1),)


def test_a_relay_that_sends_nothing_good_has_answered(dial: Dial) -> None:
    odd = [["EVENT", "SUB", forged()], ["EVENT", "SUB", note(BOB, AT).to_json()]]
    client = dial(answering(*odd, ["EOSE", "SUB"]))
    assert client.query([ASKED]) == ()
    assert sum(times for _, times in client.left_out()) == 2


def neighbours(mine: list[Event], others: list[Event], cap: int) -> Talk:
    """ngit-relay's index finds by the beginning of a value, in all tags, and for such neighbours
    neither `until` nor the order by time holds."""

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        while True:
            message = hear(connection)
            if message[0] != "REQ":
                continue
            wanted = parse(message[2])
            found = sorted(filter(wanted.matches, mine), key=lambda e: (-e.created_at, e.id))
            for event in [*others, *found][:cap]:
                say(connection, "EVENT", message[1], event.to_json())
            say(connection, "EOSE", message[1])

    return talk


@pytest.mark.parametrize("known", [None, 7])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_an_index_that_finds_neighbours_loses_nothing(
    dial: Dial, known: int | None, count: int
) -> None:
    mine = [note(ALICE, AT + 2 * number) for number in range(count)]
    others = [note(BOB, AT + 1000 * number) for number in (-1, 1, 2)]
    client = dial(neighbours(mine, others, 7), cap=known)
    assert {e.id for e in client.query([ASKED])} == {e.id for e in mine}


@pytest.mark.parametrize(("known", "cap"), [(None, 100), (3, 3)])
def test_an_answer_full_of_neighbours_is_incomplete(
    dial: Dial, known: int | None, cap: int
) -> None:
    others = [note(BOB, AT, str(number)) for number in range(cap)]
    found = failure(dial(neighbours([note(ALICE, AT)], others, cap), cap=known))
    assert (found.unknown.cause, "not asked for" in str(found)) == (Cause.INCOMPLETE, True)


def test_answers_to_other_questions_are_ignored(dial: Dial) -> None:
    other = note(BOB, AT).to_json()
    mine = note(ALICE, AT).to_json()
    messages = [["EVENT", "zz", other], ["EOSE", "zz"], ["CLOSED", "zz", "error: no"]]
    served = [*messages, ["EVENT", "SUB", mine], ["EOSE", "SUB"]]
    client = dial(answering(*served), cap=500)
    assert [event.pubkey for event in client.query([ASKED])] == [ALICE.pubkey]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("rate-limited: slow down", Cause.RATE),
        ("auth-required: who are you", Cause.INCOMPLETE),
        ("error: \x1b[2J", Cause.INCOMPLETE),
    ],
)
def test_closed_with_a_reason(dial: Dial, words: str, kind: Cause) -> None:
    found = failure(dial(answering(["CLOSED", "SUB", words])))
    assert (found.unknown.cause, words in found.unknown.detail) == (kind, True)


def test_closed_without_a_reason_ends_an_answer(dial: Dial) -> None:
    mine = note(ALICE, AT).to_json()
    client = dial(answering(["EVENT", "SUB", mine], ["CLOSED", "SUB", ""]), cap=500)
    assert len(client.query([ASKED])) == 1


# --- size and time ---------------------------------------------------------------------------


def test_a_giant_frame_is_refused_by_its_head(dial: Dial) -> None:
    found = failure(dial(answering(frame_head(2**40)), silence=3))  # not one byte of it follows
    assert (found.unknown.cause, "larger than" in str(found)) == (Cause.PROTOCOL, True)


def test_a_giant_message_in_pieces_is_refused(dial: Dial) -> None:
    piece = b"x" * (WS_MESSAGE_BYTES // 8)
    pieces = [frame(piece, last=False)] + [frame(piece, kind=0, last=False)] * 30
    found = failure(dial(answering(*pieces)))
    assert (found.unknown.cause, "larger than" in str(found)) == (Cause.PROTOCOL, True)


def test_endless_empty_pieces_are_left(dial: Dial) -> None:
    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        hear(connection)
        connection.sendall(frame(b"[", last=False))
        while True:
            connection.sendall(frame(b"", kind=0, last=False) * 100)
            time.sleep(0.01)

    start = time.monotonic()
    assert failure(dial(talk, silence=0.2)).unknown.cause is Cause.TIMEOUT
    assert time.monotonic() - start < 3


def cut(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    connection.sendall(frame_head(1000) + b"[" * 10)


def test_a_cut_in_the_middle_of_a_frame(dial: Dial) -> None:
    assert failure(dial(cut)).unknown.cause is Cause.CUT


def silent(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    hear(connection)


def drip_frame(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    drip(connection, frame(b" " * 1000))


def pings(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    while True:
        connection.sendall(frame(b"", kind=PING))
        time.sleep(0.05)


def gossip(connection: socket.socket) -> None:
    """Enough bytes, none of them an answer."""
    upgrade(connection)
    hear(connection)
    while True:
        say(connection, "NOTICE", "please hold the line" * 100)
        time.sleep(0.05)


def chatter(connection: socket.socket) -> None:
    upgrade(connection)
    hear(connection)
    while True:
        say(connection, "NOTICE", "please hold the line")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("talk", "says"),
    [
        (silent, "the relay fell silent"),
        (drip_frame, "it drips: fewer than 2000 bytes"),
        (pings, "it drips: fewer than 2000 bytes"),
        (chatter, "it drips: fewer than 2000 bytes"),
        (gossip, "the relay talks, and does not answer"),
    ],
)
def test_an_answer_that_does_not_come_on_costs_little_more_than_silence(
    dial: Dial, talk: Talk, says: str
) -> None:
    start = time.monotonic()
    found = failure(dial(talk, silence=0.4)).unknown
    assert found.cause is Cause.TIMEOUT
    assert found.detail.startswith(says)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("talk", [drip_frame, pings, gossip])
def test_no_eose_costs_no_more_than_the_server_s_time(dial: Dial, talk: Talk) -> None:
    start = time.monotonic()
    found = failure(dial(talk, silence=5, reading=0.4)).unknown
    assert (found.cause, "is used up" in found.detail) == (Cause.BUDGET, True)
    assert time.monotonic() - start < 3


def test_a_relay_on_a_bad_line_is_heard_to_its_end(dial: Dial) -> None:
    """Each answer takes longer than a silence may last, and brings what it must."""
    events = [note(ALICE, AT + number, "x" * 1000) for number in range(8)]

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        for _ in range(2):
            name = hear(connection)[1]
            for event in events:
                data = frame(json.dumps(["EVENT", name, event.to_json()]).encode())
                for at in range(0, len(data), 700):
                    connection.sendall(data[at : at + 700])
                    time.sleep(0.07)
            say(connection, "EOSE", name)
            hear(connection)

    client = dial(talk, silence=1, cap=9)
    start = time.monotonic()
    assert set(client.query([ASKED, ASKED])) == set(events)
    assert time.monotonic() - start > 2


def test_many_answers_of_a_few_bytes_are_no_drip(dial: Dial) -> None:
    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        while True:
            if (message := hear(connection))[0] == "REQ":
                time.sleep(0.15)
                say(connection, "EOSE", message[1])

    assert dial(talk, silence=0.8, cap=9).query([ASKED] * 10) == ()


def test_a_storm_of_notices_and_challenges_is_bounded(dial: Dial) -> None:
    storm = frame(b'["NOTICE","x"]') + frame(b'["AUTH","y"]')

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        hear(connection)
        while True:
            connection.sendall(storm * 1000)

    found = failure(dial(talk, messages=2000))
    assert (found.unknown.cause, "2000 messages" in str(found)) == (Cause.BUDGET, True)


def hang(connection: socket.socket) -> None:
    request(connection)
    time.sleep(30)


def drip_door(connection: socket.socket) -> None:
    request(connection)
    drip(connection, b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-A: b\r\n" * 1000)


@pytest.mark.parametrize("talk", [hang, drip_door])
def test_a_door_that_does_not_open_costs_bounded_time(dial: Dial, talk: Talk) -> None:
    start = time.monotonic()
    with pytest.raises(Failure) as found:
        dial(talk, silence=0.2)
    assert found.value.unknown.cause is Cause.TIMEOUT
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("code", [301, 302, 307])
def test_redirects_are_not_followed(dial: Dial, code: int) -> None:
    with door(saying(answer("200 OK"))) as target:
        where = target.url.replace("http", "ws")
        with pytest.raises(Failure):
            dial(saying(answer(f"{code} Elsewhere", b"", f"Location: {where}/")))
    assert target.connections == 0


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer("403 Forbidden", b"<html>"), Cause.HTTP),
        (answer("200 OK", b"hello"), Cause.HTTP),
        (b"", Cause.CUT),
        (b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n", Cause.PROTOCOL),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Cause.PROTOCOL),
    ],
)
def test_what_is_no_websocket_is_a_failure_with_its_cause(
    dial: Dial, said: bytes, kind: Cause
) -> None:
    with pytest.raises(Failure) as found:
        dial(saying(said))
    assert found.value.unknown.cause is kind


# --- publishing ------------------------------------------------------------------------------


def test_answers_come_in_the_order_of_the_events(dial: Dial) -> None:
    """The relay answers backwards, speaks of strangers in between, and repeats itself."""
    events = [note(ALICE, AT + number) for number in range(5)]
    heard = []

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        for _ in events:
            heard.append(hear(connection)[1]["id"])
        for number, event_id in reversed(list(enumerate(heard))):
            say(connection, "OK", "f" * 64, False, "error: a stranger")
            say(connection, "NOTICE", "busy")
            say(connection, "OK", event_id, number % 2 == 0, f"number {number}")
            say(connection, "OK", event_id, number % 2 == 1, "on second thoughts")

    answers = oks(dial(talk).publish(events))
    assert heard == [event.id for event in events]
    assert [(a.event_id, a.accepted, a.message) for a in answers] == [
        (event.id, number % 2 == 0, f"number {number}") for number, event in enumerate(events)
    ]


def test_a_missing_ok_is_told_of_its_event_alone(dial: Dial) -> None:
    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        say(connection, "OK", hear(connection)[1]["id"], True, "")
        hear(connection)
        hear(connection)

    client = dial(talk, silence=0.2)
    said, unsaid = client.publish([note(ALICE, AT), note(ALICE, AT + 1)])
    assert said == Ok(note(ALICE, AT).id, accepted=True, message="")
    assert isinstance(unsaid, Unknown) and unsaid.cause is Cause.TIMEOUT


def test_at_most_fifty_wait_for_their_ok(dial: Dial) -> None:
    waiting = itertools.count()

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        batch = []
        while True:
            batch.append(hear(connection)[1]["id"])
            if len(batch) == 50 or next(waiting) >= 118:
                for event_id in batch:
                    say(connection, "OK", event_id, True, "")
                batch = []

    events = [note(ALICE, AT + number) for number in range(100)]
    with door(talk) as place:
        client = relay(place.url, silence=5)
        assert all(ok.accepted for ok in oks(client.publish(events)))
        client.close()


def test_a_failed_conversation_closes_its_socket(dial: Dial) -> None:
    ended = []

    def talk(connection: socket.socket) -> None:
        upgrade(connection)
        hear(connection)
        connection.sendall(frame_head(2**40))
        ended.append(connection.recv(100))

    client = dial(talk)
    failure(client)
    client.close()
    for _ in range(100):
        if ended:
            break
        time.sleep(0.01)
    assert ended == [b""]
