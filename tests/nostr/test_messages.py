"""Filters and messages, read and written in both directions."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.limits import NEG_MESSAGE_BYTES, WS_MESSAGE_BYTES
from reconciler.nostr import bip340, filters, messages
from reconciler.nostr.event import Draft, seal
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import (
    Challenge,
    ClientMessage,
    Close,
    Closed,
    Count,
    Eose,
    NegClose,
    NegErr,
    NegMsg,
    NegOpen,
    Notice,
    Ok,
    Publication,
    RelayMessage,
    Req,
    Sent,
)
from reconciler.nostr.strictjson import Json, dumps

KEY = bytes(31) + b"\5"
PUBKEY = bip340.public_key(KEY).hex()
DRAFT = Draft(PUBKEY, 1000, 30617, (("d", "w"), ("e", "x"), ("e", "y"), ("alone",)), "hi")
EVENT = seal(DRAFT, bip340.sign(KEY, bytes.fromhex(DRAFT.id)))
OTHER = "0" * 64

# --- filters ---------------------------------------------------------------------------------

MATCHING = [
    Filter(), Filter(ids=(OTHER, EVENT.id)), Filter(authors=(PUBKEY,)), Filter(kinds=(1, 30617)),
    Filter(since=1000), Filter(until=1000), Filter(since=999, until=1001), Filter(limit=0),
    Filter(tags=(("d", ("w",)),)), Filter(tags=(("e", ("y", "z")), ("d", ("w",)))),
]  # fmt: skip
MISSING = [
    Filter(ids=(OTHER,)), Filter(authors=(OTHER,)), Filter(kinds=(1,)), Filter(since=1001),
    Filter(until=999), Filter(tags=(("d", ("x",)),)), Filter(tags=(("z", ("w",)),)),
    Filter(tags=(("e", ("x",)), ("d", ("no",)))), Filter(authors=(PUBKEY,), kinds=(1,)),
]  # fmt: skip


@pytest.mark.parametrize("question", MATCHING)
def test_a_filter_matches_what_it_asks_for(question: Filter) -> None:
    assert question.matches(EVENT)


@pytest.mark.parametrize("question", MISSING)
def test_it_does_not_match(question: Filter) -> None:
    assert not question.matches(EVENT)


@pytest.mark.parametrize("question", [*MATCHING, *MISSING])
def test_a_filter_that_is_read_back_is_the_same(question: Filter) -> None:
    assert filters.parse(question.to_json()) == question


def test_a_page_keeps_the_question() -> None:
    question = Filter(kinds=(1,), since=5)
    assert question.page(until=9, limit=3) == replace(question, until=9, limit=3)
    assert question.page(until=None, limit=3).to_json() == {"kinds": [1], "since": 5, "limit": 3}


@pytest.mark.parametrize("raw", [
    None, [], "x", {"ids": []}, {"ids": ["short"]}, {"ids": [OTHER.upper() + "A"]}, {"ids": OTHER},
    {"authors": [1]}, {"kinds": []}, {"kinds": [True]}, {"kinds": ["1"]}, {"kinds": 1}, {"#d": []},
    {"#d": "w"}, {"#d": [1]}, {"since": -1}, {"since": "1"}, {"until": True}, {"limit": 1.0},
])  # fmt: skip
def test_filters_with_a_wrong_shape(raw: Json) -> None:
    with pytest.raises(PeerFault):
        filters.parse(raw)


def test_unknown_conditions_are_ignored() -> None:
    assert filters.parse({"search": 1, "#long": 2, "x": [], "kinds": [1]}) == Filter(kinds=(1,))


# --- messages --------------------------------------------------------------------------------

FROM_RELAY: dict[str, RelayMessage] = {
    messages.event(EVENT, "s"): Sent("s", EVENT.to_json()),
    messages.ok(OTHER, True): Ok(OTHER, True, ""),
    messages.ok(OTHER, False, "blocked: x"): Ok(OTHER, False, "blocked: x"),
    '["OK","x",true]': Ok("x", True, ""),
    messages.eose("s"): Eose("s"),
    messages.closed("s", "error: x"): Closed("s", "error: x"),
    '["CLOSED","s"]': Closed("s", ""),
    messages.notice("hello"): Notice("hello"),
    '["NOTICE"]': Notice(""),
    '["AUTH","word"]': Challenge("word"),
    '["NEW","x"]': Notice("a message of an unknown type"),
    messages.count("s", 3): Notice("a message of an unknown type"),
    "[]": Notice("a message of an unknown type"),
    messages.neg_msg("s", b"\x61\xff"): NegMsg("s", b"\x61\xff"),
    '["NEG-MSG","s","61FF","more"]': NegMsg("s", b"\x61\xff"),
    '["NEG-MSG","s",""]': NegMsg("s", b""),
    messages.neg_err("s", "blocked: x"): NegErr("s", "blocked: x"),
    '["NEG-ERR","s"]': NegErr("s", ""),
    '["NEG-ERR","s","blocked: this query is too big",100000]': NegErr(
        "s", "blocked: this query is too big"
    ),
}
FROM_CLIENT: dict[str, ClientMessage] = {
    messages.event(EVENT): Publication(EVENT.to_json()),
    messages.req("s", Filter(kinds=(1,)), Filter()): Req("s", (Filter(kinds=(1,)), Filter())),
    messages.close("s"): Close("s"),
    '["COUNT","s",{"kinds":[1]}]': Count("s", (Filter(kinds=(1,)),)),
    messages.neg_open("s", Filter(kinds=(1,)), b"a"): NegOpen("s", Filter(kinds=(1,)), b"a"),
    messages.neg_msg("s", b"\x61"): NegMsg("s", b"\x61"),
    messages.neg_close("s"): NegClose("s"),
}


@pytest.mark.parametrize("text", FROM_RELAY)
def test_what_a_relay_says_is_read(text: str) -> None:
    assert messages.parse_relay(text) == messages.parse_relay(text.encode()) == FROM_RELAY[text]


@pytest.mark.parametrize("text", FROM_CLIENT)
def test_what_a_client_says_is_read(text: str) -> None:
    assert messages.parse_client(text) == messages.parse_client(text.encode()) == FROM_CLIENT[text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        '"EVENT"',
        '["EVENT"]',
        '["EVENT",1,{}]',
        '["EVENT","s"]',
        '["EVENT","s",1,2]',
        '["OK"]',
        '["OK","x"]',
        '["OK","x",1]',
        '["OK","x","true"]',
        '["OK",1,true]',
        '["EOSE"]',
        '["EOSE",1]',
        '["CLOSED"]',
        '["AUTH"]',
        '["AUTH",{}]',
        '["NEG-MSG"]',
        '["NEG-MSG","s"]',
        '["NEG-MSG","s",1]',
        '["NEG-MSG","s","6"]',
        '["NEG-MSG","s","6 61"]',
        '["NEG-MSG","s","zz"]',
        '["NEG-ERR"]',
        '["NEG-ERR",1,"x"]',
    ],
)
def test_wrong_shapes_from_a_relay(text: str) -> None:
    with pytest.raises(PeerFault):
        messages.parse_relay(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '["NEW"]',
        '["EVENT"]',
        '["EVENT",1,2]',
        '["REQ"]',
        '["REQ","s"]',
        '["REQ","",{}]',
        '["REQ",1,{}]',
        '["REQ","s",[]]',
        '["REQ","s",{"ids":[]}]',
        '["COUNT","s"]',
        '["CLOSE"]',
        '["CLOSE",1]',
        '["REQ","' + "s" * 1001 + '",{}]',
        '["NEG-OPEN","s",{}]',
        '["NEG-OPEN","",{},"61"]',
        '["NEG-OPEN","s",[],"61"]',
        '["NEG-OPEN","s",{},"6"]',
        '["NEG-OPEN","s",{},61]',
        '["NEG-OPEN","s",{},16,"61"]',  # the draft before NIP-77 had a size of ids here
        '["NEG-MSG","s"]',
        '["NEG-MSG","s","zz"]',
        '["NEG-CLOSE"]',
        '["NEG-ERR","s","x"]',
    ],
)
def test_wrong_shapes_from_a_client(text: str) -> None:
    with pytest.raises(PeerFault):
        messages.parse_client(text)


def test_too_large_a_message_is_refused_unread() -> None:
    for parse in (messages.parse_relay, messages.parse_client):
        with pytest.raises(PeerFault, match="larger"):
            parse("[" * (WS_MESSAGE_BYTES + 1))


def test_too_large_a_negentropy_message_is_refused_before_it_is_decoded() -> None:
    text = messages.neg_msg("s", bytes(NEG_MESSAGE_BYTES + 1))
    for parse in (messages.parse_relay, messages.parse_client):
        with pytest.raises(PeerFault, match="larger"):
            parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just(EVENT.to_json()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["ids", "kinds", "#d", "since", "x"]), inner, max_size=3)
    ),
)
NAMES = st.sampled_from(
    ["EVENT", "OK", "EOSE", "CLOSED", "NOTICE", "AUTH", "REQ", "COUNT", "CLOSE"]
) | st.sampled_from(["NEG-OPEN", "NEG-MSG", "NEG-CLOSE", "NEG-ERR"])


@given(st.text() | JSON.map(dumps) | st.tuples(NAMES, JSON, JSON).map(dumps) | st.binary())
def test_arbitrary_messages_raise_only_peer_faults(text: str | bytes) -> None:
    with contextlib.suppress(PeerFault):
        messages.parse_relay(text)
    with contextlib.suppress(PeerFault):
        messages.parse_client(text)
