"""NIP-01 and friends over a real WebSocket, on a plain index relay."""

from __future__ import annotations

import json

import pytest
import websocket

from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, BOB, NOW, publish, served

from .conftest import Starter


@pytest.fixture
def index(starter: Starter) -> RunningServer:
    return starter("index", "spec", grasp=False)


def notes(count: int) -> list[Event]:
    return [ALICE.sign(1, ("t", str(i % 3)), content=str(i), at=NOW + i) for i in range(count)]


def test_plain_relay_takes_any_valid_event_and_refuses_forgeries(index: RunningServer) -> None:
    note = ALICE.sign(1, content="hello")
    forged = note.to_json() | {"content": "bye"}
    with Relay(index.relay_url) as relay:
        assert relay.publish(note) == (True, "")
        assert relay.publish(note) == (True, "duplicate: already have this event")
        relay.send("EVENT", forged)
        assert relay.receive()[:3] == ["OK", note.id, False]
        relay.send("EVENT", {"kind": 1})
        assert relay.receive()[0] == "NOTICE"
        assert relay.query({}) == [note]
    counters = index.counters.snapshot()
    assert (counters["events_received"], counters["events_stored"]) == (4, 1)


@pytest.mark.parametrize(("kind", "tags"), [(10_002, ()), (30_000, (("d", "x"),)), (0, ())])
def test_the_newest_replaceable_event_wins(
    index: RunningServer, kind: int, tags: tuple[tuple[str, ...], ...]
) -> None:
    old, new = (ALICE.sign(kind, *tags, at=NOW + i) for i in (0, 1))
    other = BOB.sign(kind, *tags, at=NOW)
    answers = publish(index, new, old, other)
    assert answers == [(True, ""), (True, "duplicate: a newer version is stored"), (True, "")]
    assert served(index) == [new.id, other.id]


def test_tie_goes_to_the_lowest_id(index: RunningServer) -> None:
    versions = [ALICE.sign(30_000, ("d", "x"), content=str(i)) for i in range(4)]
    publish(index, *versions)
    assert served(index) == [min(v.id for v in versions)]


def test_different_d_tags_live_side_by_side(index: RunningServer) -> None:
    publish(index, *(ALICE.sign(30_000, ("d", d)) for d in "abc"))
    assert len(served(index, kinds=[30_000])) == 3
    assert len(served(index, **{"#d": ["a", "c"]})) == 2


def test_a_relay_answers_with_what_the_filter_asks(index: RunningServer) -> None:
    events = notes(9)
    mine = BOB.sign(7, ("e", events[0].id), at=NOW + 20)
    publish(index, *events, mine)
    ids = [e.id for e in events]
    assert served(index, ids=[ids[3], ids[1]]) == [ids[3], ids[1]]
    assert served(index, authors=[BOB.pubkey]) == [mine.id]
    assert served(index, kinds=[7]) == served(index, **{"#e": [ids[0]]}) == [mine.id]
    assert served(index, since=NOW + 7, until=NOW + 8) == [ids[8], ids[7]]
    assert served(index, kinds=[1], limit=2) == [ids[8], ids[7]]
    assert served(index, **{"#t": ["1"]}, until=NOW + 4) == [ids[4], ids[1]]
    assert served(index, limit=0) == []
    with Relay(index.relay_url) as relay:
        both = relay.query({"kinds": [7]}, {"ids": [mine.id]}, {"kinds": [1], "limit": 1})
        assert [e.id for e in both] == [mine.id, ids[8]]
        assert relay.count({"kinds": [1]}, {"kinds": [1, 7]}) == 10
        assert relay.count({"kinds": [1], "limit": 1}) == 9


def test_at_most_500_events_and_paging_by_until(index: RunningServer) -> None:
    events = [ALICE.sign(1, content=str(i), at=NOW - i) for i in range(520)]
    publish(index, *events)
    with Relay(index.relay_url) as relay:
        for limit in ({}, {"limit": 1000}):
            assert [e.id for e in relay.query(limit)] == [e.id for e in events[:500]]
        rest = relay.query({"until": NOW - 500})
        assert [e.id for e in rest] == [e.id for e in events[500:]]


def test_live_subscription_until_close(index: RunningServer) -> None:
    first, second, third = notes(3)
    with Relay(index.relay_url) as relay:
        relay.publish(first)
        relay.send("REQ", "live", {"kinds": [1]})
        assert relay.receive() == ["EVENT", "live", first.to_json()]
        assert relay.receive() == ["EOSE", "live"]
        publish(index, BOB.sign(4), second)
        assert relay.receive() == ["EVENT", "live", second.to_json()]
        relay.send("CLOSE", "live")
        relay.send("REQ", "none", {"kinds": [9]})
        assert relay.receive() == ["EOSE", "none"]  # CLOSE was handled before this
        publish(index, third)
        relay.send("REQ", "none", {"kinds": [9]})
        assert relay.receive() == ["EOSE", "none"]


def test_nothing_falls_between_stored_and_live(index: RunningServer) -> None:
    """Subscriptions opened while events stream in see each of them exactly once."""
    events = notes(90)
    with Relay(index.relay_url) as writer, Relay(index.relay_url) as reader:
        for number, event in enumerate(events):
            writer.send("EVENT", event.to_json())
            if number % 9 == 0:
                reader.send("REQ", str(number), {"kinds": [1]})
        seen: dict[str, list[str]] = {}
        while sum(map(len, seen.values())) < 10 * len(events):
            message = reader.receive()
            if message[0] == "EVENT":
                seen.setdefault(message[1], []).append(message[2]["id"])
    assert len(seen) == 10
    for ids in seen.values():
        assert sorted(ids) == sorted(e.id for e in events)


def test_ephemeral_events_are_passed_on_and_not_stored(index: RunningServer) -> None:
    event = ALICE.sign(20_001)
    with Relay(index.relay_url) as relay:
        relay.send("REQ", "live", {"kinds": [20_001]})
        assert relay.receive() == ["EOSE", "live"]
        assert publish(index, event) == [(True, "")]
        assert relay.receive() == ["EVENT", "live", event.to_json()]
    assert served(index) == []


@pytest.mark.parametrize("text", ["", "{}", "[", '["REQ"]', '["REQ","x",{"ids":["zz"]}]', "[[[["])
def test_malformed_messages_get_a_notice(index: RunningServer, text: str) -> None:
    with Relay(index.relay_url) as relay:
        relay.socket.send(text)
        kind, message = relay.receive()
        assert kind == "NOTICE"
        assert message.startswith("invalid: ")
        assert relay.query({}) == []


def test_large_events_are_served_back_whole(index: RunningServer) -> None:
    big = ALICE.sign(1, *(("r", f"refs/heads/{i:05}", "a" * 40) for i in range(15_000)))
    with Relay(index.relay_url) as relay:
        assert relay.publish(big) == (True, "")
        assert relay.query({"ids": [big.id]}) == [big]


def test_deleted_events_go_and_cannot_come_back(index: RunningServer) -> None:
    mine, theirs = ALICE.sign(1), BOB.sign(1)
    deletion = ALICE.sign(kinds.DELETION, ("e", mine.id), at=NOW + 5)
    assert publish(index, mine, theirs, deletion, mine)[2:] == [
        (True, ""),
        (False, "blocked: this event is deleted"),
    ]
    assert served(index, kinds=[1]) == [theirs.id]
    assert publish(index, ALICE.sign(kinds.DELETION, ("e", deletion.id), at=NOW + 6), mine)[1] == (
        False,
        "blocked: this event is deleted",
    )
    assert deletion.id in served(index)


@pytest.mark.parametrize(("family", "answer"), [("ngit-grasp", False), ("spec", True)])
def test_nobody_deletes_what_others_wrote(starter: Starter, family: str, answer: bool) -> None:
    server = starter(family=family, grasp=False)
    theirs = BOB.sign(30_000, ("d", "x"))
    by_id = ALICE.sign(kinds.DELETION, ("e", theirs.id))
    by_address = ALICE.sign(kinds.DELETION, ("a", f"30000:{BOB.pubkey}:x"))
    answers = publish(server, theirs, by_id, by_address)
    assert [accepted for accepted, _ in answers] == [True, answer, answer]
    assert served(server, kinds=[30_000]) == [theirs.id]


def test_deletion_before_the_event_it_deletes(index: RunningServer) -> None:
    event = ALICE.sign(1)
    assert publish(index, ALICE.sign(kinds.DELETION, ("e", event.id)), event)[1][0] is False
    assert publish(index, BOB.sign(kinds.DELETION, ("e", BOB.sign(1).id)), ALICE.sign(4))[1][0]


def test_deletion_by_address_spares_newer_versions(index: RunningServer) -> None:
    old, new = (ALICE.sign(30_000, ("d", "a:b"), at=NOW + i) for i in (0, 10))
    early, late = (
        ALICE.sign(kinds.DELETION, ("a", f"30000:{ALICE.pubkey}:a:b"), at=NOW + i) for i in (5, 10)
    )
    assert publish(index, old, early, old, new) == [
        (True, ""),
        (True, ""),
        (False, "blocked: this event is deleted"),
        (True, ""),
    ]
    assert publish(index, early, ALICE.sign(1), late)[0][0]
    assert served(index, kinds=[30_000]) == []  # the later one covers its own second
    newest = ALICE.sign(30_000, ("d", "a:b"), at=NOW + 11)
    again = ALICE.sign(kinds.DELETION, ("a", f"30000:{ALICE.pubkey}:a:b"), at=NOW + 9)
    publish(index, newest, again)
    assert served(index, kinds=[30_000]) == [newest.id]


def test_expired_and_protected_events(index: RunningServer, clock: Clock) -> None:
    passing = ALICE.sign(1, ("expiration", str(int(clock()) + 50)))
    late = ALICE.sign(1, ("expiration", str(int(clock()) - 50)))
    assert publish(index, passing, late, ALICE.sign(1, ("-",))) == [
        (True, ""),
        (False, "blocked: event is expired"),
        (False, "auth-required: this event may only be published by its author"),
    ]
    assert served(index) == [passing.id]
    clock.advance(60)
    assert served(index) == []


def test_too_many_subscriptions_are_closed(index: RunningServer) -> None:
    with Relay(index.relay_url) as relay:
        for number in range(500):
            relay.send("REQ", str(number), {"kinds": [9]})
            assert relay.receive() == ["EOSE", str(number)]
        relay.send("REQ", "one more", {"kinds": [9]})
        assert relay.receive() == ["CLOSED", "one more", "rate-limited: too many REQs"]


def test_index_relay_has_no_git(index: RunningServer) -> None:
    announcement = ALICE.announce(index, "widget")
    assert publish(index, announcement) == [(True, "")]
    assert served(index) == [announcement.id]
    assert not index.repo_path(ALICE.pubkey, "widget").exists()


def test_other_connections_answer_while_one_is_silent(index: RunningServer) -> None:
    idle = websocket.create_connection(index.relay_url, timeout=5)
    idle.send(json.dumps(["REQ", "x", {}]))
    assert publish(index, ALICE.sign(1)) == [(True, "")]
    idle.close()


@pytest.mark.parametrize("huge", [2**53, 2**63, 10**30])
def test_numbers_beyond_64_bits_are_only_numbers(index: RunningServer, huge: int) -> None:
    note = ALICE.sign(1)
    publish(index, note)
    with Relay(index.relay_url) as relay:
        for conditions, found in (
            ({"since": huge}, 0),
            ({"until": huge}, 1),
            ({"kinds": [huge]}, 0),
            ({"limit": huge}, 1),
        ):
            assert relay.query(conditions) == [note][:found]
            assert relay.count(conditions) == found
            relay.send("NEG-OPEN", "n", conditions, "6100000200")
            assert (note.id in relay.receive()[2]) is bool(found)
