"""ngit-relay's tag index, by what a real one answered (0.0.2-5e5c51b, 2026-11-24)."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.nostr import kinds
from reconciler.sandbox.server import RunningServer
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, NOW

from .conftest import Starter

LONG = "l" * 29


def address(identifier: str) -> str:
    return f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:{identifier}"


REPOSITORIES = {
    name: ALICE.sign(kinds.ANNOUNCEMENT, ("d", name)) for name in ("x", "x2", "xz", LONG)
}
X = ALICE.sign(kinds.ISSUE, ("a", address("x")), ("t", "hello"), at=NOW + 1)
ISSUES = {
    "of x": X,
    "of x2": ALICE.sign(kinds.ISSUE, ("a", address("x2")), at=NOW + 2),
    "of xz": ALICE.sign(kinds.ISSUE, ("a", address("xz")), at=NOW + 3),
    "comment": ALICE.sign(kinds.COMMENT, ("e", X.id), ("k", "1621"), at=NOW + 4),
    "of long": ALICE.sign(kinds.ISSUE, ("a", address(LONG)), at=NOW + 5),
    "of longer": ALICE.sign(kinds.ISSUE, ("a", address(LONG + "l")), at=NOW + 6),
}
NAMES = {event.id: name for name, event in {**REPOSITORIES, **ISSUES}.items()}
ME = [ALICE.pubkey]


@pytest.fixture
def server(starter: Starter) -> RunningServer:
    found = starter(family="ngit-relay")
    for event in (*REPOSITORIES.values(), *ISSUES.values()):
        found.seed(event)
    return found


ANSWERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "neighbours come in the order of the index": (
        {"#a": [address("x")]},
        ["of xz", "of x", "of x2"],
    ),
    "under any letter": ({"#q": [address("x")]}, ["of xz", "of x", "of x2"]),
    "until cuts by the neighbour's next character": (
        {"#a": [address("x")], "until": NOW},
        ["of x2"],
    ),
    "until of the wanted one": (
        {"#a": [address("x")], "until": NOW + 1},
        ["of x", "of x2"],
    ),
    "since holds for all": ({"#a": [address("x")], "since": NOW + 3}, ["of xz"]),
    "a limit counts neighbours": ({"#a": [address("x")], "limit": 1}, ["of xz"]),
    "kinds and authors change nothing": (
        {"#a": [address("x")], "kinds": [kinds.ISSUE], "authors": ME},
        ["of xz", "of x", "of x2"],
    ),
    "100 bytes are found": ({"#a": [address(LONG)]}, ["of long"]),
    "101 bytes are not": ({"#a": [address(LONG + "l")]}, []),
    "one kind, author and d have one answer, and it may be a neighbour": (
        {"#d": ["x"], "kinds": [kinds.ANNOUNCEMENT], "authors": ME},
        ["xz"],
    ),
    "without kinds there is no such limit": ({"#d": ["x"], "authors": ME}, ["xz", "x", "x2"]),
    "texts by their beginning": ({"#t": ["hel"]}, ["of x"]),
    "broad letters go by the author, and exactly": ({"#z": ["hello"], "authors": ME}, []),
    "broad letters alone go by the index": ({"#z": ["hel"]}, ["of x"]),
    "ids have no neighbours": ({"#E": [X.id]}, ["comment"]),
    "the other tags hold exactly": ({"#a": [address("x")], "#t": ["hello"]}, ["of x"]),
    "and not by their beginning": ({"#a": [address("x")], "#t": ["hel"]}, []),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_question_finds_what_a_loose_index_finds(server: RunningServer, name: str) -> None:
    question, expected = ANSWERS[name]
    with Relay(server.relay_url) as relay:
        assert [NAMES[event.id] for event in relay.query(question)] == expected


def test_count_goes_by_the_same_index(server: RunningServer) -> None:
    with Relay(server.relay_url) as relay:
        assert relay.count({"#A": [address("x")]}) == 3


def test_live_events_are_matched_exactly(server: RunningServer) -> None:
    with Relay(server.relay_url) as relay, Relay(server.relay_url) as writer:
        relay.send("REQ", "live", {"#a": [address("x")], "since": NOW + 100})
        assert relay.receive()[0] == "EOSE"
        for number, name in enumerate(("x2", "x")):
            issue = ALICE.sign(kinds.ISSUE, ("a", address(name)), at=NOW + 200 + number)
            assert writer.publish(issue)[0]
        assert relay.receive()[2]["id"] == issue.id
