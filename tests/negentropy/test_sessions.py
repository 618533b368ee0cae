"""The sandbox's side of NIP-77, over the wire."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import NegOpen, neg_err
from reconciler.nostr.negentropy.items import items
from reconciler.nostr.negentropy.roles import Initiator
from reconciler.sandbox.events.store import Added, Store
from reconciler.sandbox.family.words import RelayWords
from reconciler.sandbox.limits import NEG_IDLE_SECONDS, NEG_SESSIONS
from reconciler.sandbox.server import RunningServer
from reconciler.sandbox.wire.negentropy import Conversations
from tests.kit.clock import Clock
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, BOB, NOW, PARKED, publish

from .conftest import Starter

EMPTY = "6100000200"
"""A first question of somebody who has nothing."""


def held(
    server: RunningServer,
    conditions: dict[str, Any] | None = None,
    known: list[Event] | None = None,
) -> set[str]:
    """Which events a negentropy client finds there, beyond those it knows."""
    initiator = Initiator(items((event.created_at, event.id) for event in known or []))
    with Relay(server.relay_url) as relay:
        relay.send("NEG-OPEN", "n", conditions or {}, initiator.start().hex())
        while True:
            kind, name, payload = relay.receive()
            assert (kind, name) == ("NEG-MSG", "n")
            question = initiator.feed(bytes.fromhex(payload))
            if question is None:
                return set(map(bytes.hex, initiator.missing_here))
            relay.send("NEG-MSG", "n", question.hex())


def nips(server: RunningServer) -> list[int]:
    headers = {"Accept": "application/nostr+json"}
    with urllib.request.urlopen(urllib.request.Request(server.url, headers=headers)) as answer:
        found: list[int] = json.load(answer)["supported_nips"]
        return found


def test_filters_choose_as_in_a_req(starter: Starter) -> None:
    server = starter()
    events = [ALICE.sign(n % 3, ("t", str(n % 2)), at=NOW + n) for n in range(1, 60)]
    events = [event for event in events if event.kind]  # kind 0 is replaceable
    publish(server, *events)
    assert held(server) == {event.id for event in events}
    assert held(server, {"kinds": [2]}) == {event.id for event in events if event.kind == 2}
    assert held(server, {"since": NOW + 50, "#t": ["0"]}) == {
        event.id for event in events if event.created_at >= NOW + 50 and event.first("t") == "0"
    }
    assert held(server, {"authors": [BOB.pubkey]}) == set()
    assert held(server, {"limit": 3}) == {event.id for event in events[-3:]}
    assert held(server, {}, events[4:]) == {event.id for event in events[:4]}


def test_deleted_and_expired_events_are_not_there(starter: Starter, clock: Clock) -> None:
    server = starter()
    kept, gone = ALICE.sign(1, content="kept"), ALICE.sign(1, content="gone")
    passing = ALICE.sign(1, ("expiration", str(int(clock()) + 50)))
    publish(server, kept, gone, passing, ALICE.sign(kinds.DELETION, ("e", gone.id)))
    assert held(server, {"kinds": [1]}) == {kept.id, passing.id}
    clock.advance(60)
    assert held(server, {"kinds": [1]}) == {kept.id}


def test_purgatory_is_not_there(starter: Starter) -> None:
    server = starter(grasp=True)
    assert publish(server, ALICE.announce(server, "widget")) == [(True, PARKED)]
    assert held(server) == set()


@pytest.mark.parametrize(
    ("family", "speaks"),
    [("spec", True), ("ngit-grasp", True), ("ngit-relay", False), ("khatru", False)],
)
def test_families_speak_it_or_not(starter: Starter, family: str, speaks: bool) -> None:
    server = starter(family)
    assert (77 in nips(server)) is speaks
    with Relay(server.relay_url) as relay:
        relay.send("NEG-OPEN", "n", {}, EMPTY)
        assert relay.receive()[0] == ("NEG-MSG" if speaks else "NOTICE")


def test_conversations_end_and_are_unknown_afterwards(starter: Starter, clock: Clock) -> None:
    server = starter()
    with Relay(server.relay_url) as relay:

        def ask(*message: Any) -> Any:
            relay.send(*message)
            return relay.receive()

        unknown = ["NEG-ERR", "n", "error: subscription not found"]
        assert ask("NEG-MSG", "n", EMPTY) == unknown
        assert ask("NEG-OPEN", "n", {}, EMPTY) == ["NEG-MSG", "n", EMPTY]
        assert ask("NEG-MSG", "n", EMPTY) == ["NEG-MSG", "n", EMPTY]
        relay.send("NEG-CLOSE", "n")
        assert ask("NEG-MSG", "n", EMPTY) == unknown
        assert ask("NEG-OPEN", "n", {}, "6165") == [
            "NEG-ERR",
            "n",
            "error: invalid negentropy message",
        ]
        assert ask("NEG-MSG", "n", EMPTY) == unknown
        assert ask("NEG-OPEN", "n", {}, "62") == ["NEG-MSG", "n", "61"]
        clock.advance(NEG_IDLE_SECONDS + 1)
        assert ask("NEG-MSG", "n", EMPTY)[2] == "closed: you took too long to respond"
        assert ask("NEG-MSG", "n", EMPTY) == unknown
        long = ["NEG-ERR", "n" * 65, "blocked: subscription ID exceeds max length"]
        assert ask("NEG-OPEN", "n" * 65, {}, EMPTY) == long
    assert server.counters.negs == 11


def test_too_many_events_are_blocked(tmp_path: Path) -> None:
    store = Store(tmp_path / "events.sqlite")
    assert store.add_many(ALICE.sign(1, at=NOW + n) for n in range(4))[Added.STORED] == 4

    def read(asked: NegOpen, most: int) -> list[tuple[int, str]]:
        return store.pairs(asked.filter, now=NOW, most=most)

    talks = Conversations(RelayWords(), read, lambda: NOW, most=3)
    empty = bytes.fromhex(EMPTY)
    assert talks.answer(NegOpen("n", Filter(), empty)) == neg_err(
        "n", "blocked: this query is too big"
    )
    answer = talks.answer(NegOpen("n", Filter(limit=3), empty))
    assert answer
    assert answer.startswith('["NEG-MSG"')
    store.close()


def test_conversations_of_one_client_are_bounded(starter: Starter, clock: Clock) -> None:
    server = starter()
    with Relay(server.relay_url) as relay:
        for number in range(NEG_SESSIONS):
            relay.send("NEG-OPEN", str(number), {}, EMPTY)
            assert relay.receive()[0] == "NEG-MSG"
        relay.send("NEG-OPEN", "0", {}, EMPTY)  # the same name again replaces
        assert relay.receive()[0] == "NEG-MSG"
        relay.send("NEG-OPEN", "more", {}, EMPTY)
        refusal = ["NEG-ERR", "more", "blocked: too many negentropy conversations"]
        assert relay.receive() == refusal
        clock.advance(NEG_IDLE_SECONDS + 1)
        relay.send("NEG-OPEN", "more", {}, EMPTY)
        assert relay.receive()[0] == "NEG-MSG"
