"""The initiator's conversation in NIP-77 messages."""

from __future__ import annotations

import pytest

from reconciler.errors import OurFault, PeerFault
from reconciler.limits import PEER_TEXT_CHARS
from reconciler.nostr import messages
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import (
    Closed,
    Eose,
    NegErr,
    NegMsg,
    NegOpen,
    Notice,
    Ok,
    RelayMessage,
)
from reconciler.nostr.negentropy.dialogue import Declined, Dialogue, Difference
from reconciler.nostr.negentropy.items import items
from reconciler.nostr.negentropy.roles import Responder

from .kit import pairs

WANTED = Filter(kinds=(1,))


def opened() -> Dialogue:
    dialogue = Dialogue("n1")
    dialogue.start(WANTED, {})
    return dialogue


def test_a_whole_conversation_finds_both_differences() -> None:
    there = pairs(2_000)
    here = {event_id: time for time, event_id in (*there[40:], *pairs(3, label="mine"))}
    dialogue = Dialogue("n1", frame=4096)
    first = messages.parse_client(dialogue.start(WANTED, here))
    assert isinstance(first, NegOpen)
    assert (first.subscription, first.filter) == ("n1", WANTED)
    responder, question = Responder(items(there), frame=4096), first.payload
    while True:
        answer = dialogue.feed(NegMsg("n1", responder.feed(question)))
        if not isinstance(answer, str):
            break
        sent = messages.parse_client(answer)
        assert isinstance(sent, NegMsg)
        question = sent.payload
    assert answer == Difference(
        missing_here=frozenset(event_id for _, event_id in there[:40]),
        missing_there=frozenset(event_id for _, event_id in pairs(3, label="mine")),
    )
    assert dialogue.closing == '["NEG-CLOSE","n1"]'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (NegErr("n1", "blocked: too big"), "blocked: too big"),
        (NegErr("n1", "x" * 5_000), "x" * PEER_TEXT_CHARS),
        (Closed("n1", "CLOSED"), "CLOSED"),
        (Notice("could not parse command"), "could not parse command"),
    ],
)
def test_a_refusal_is_never_equal(message: RelayMessage, reason: str) -> None:
    assert opened().feed(message) == Declined(reason)


def test_silence_is_never_equal() -> None:
    assert opened().silence() == Declined("the relay said nothing")


@pytest.mark.parametrize(
    "message",
    [NegErr("n2", "x"), NegMsg("n2", b"\x61"), Closed("", "x"), Eose("n1"), Ok("0", False, "x")],
)
def test_messages_that_belong_to_others(message: RelayMessage) -> None:
    assert opened().feed(message) is None


def test_a_notice_says_nothing_once_the_relay_has_answered() -> None:
    dialogue = opened()
    answer = Responder(items(pairs(5_000)), frame=4096).feed(bytes.fromhex("6100000200"))
    assert isinstance(dialogue.feed(NegMsg("n1", answer)), str)
    assert dialogue.feed(Notice("good evening")) is None
    assert dialogue.feed(NegErr("n1", "closed: too slow")) == Declined("closed: too slow")


@pytest.mark.parametrize("payload", [b"", b"\x60", b"\x61\x65", b"\xff"])
def test_a_broken_answer_is_the_relays_fault(payload: bytes) -> None:
    with pytest.raises(PeerFault):
        opened().feed(NegMsg("n1", payload))


def test_an_answer_before_the_question_is_our_own_fault() -> None:
    with pytest.raises(OurFault):
        Dialogue("n1").feed(NegMsg("n1", b"\x61"))
