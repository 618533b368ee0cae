"""`RelayClient.reconcile`: against servers that can, and against relays that cannot."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from reconciler.edge.relay import RelayClient
from reconciler.model.observed import Cause
from reconciler.nostr import messages
from reconciler.nostr.filters import Filter
from reconciler.nostr.negentropy.dialogue import Declined, Difference
from reconciler.world import Failure
from tests.kit.clients import relay
from tests.kit.servers import ALICE, NOW, publish

from .conftest import Starter
from .scripted import Script, scripted

NOTES = Filter(kinds=(1,))


def client(url: str) -> closing[RelayClient]:
    return closing(relay(url))


def test_both_sides_lack_something(starter: Starter) -> None:
    server = starter()
    events = [ALICE.sign(1, ("n", str(n)), at=NOW + n // 4) for n in range(200)]
    publish(server, *events[:150], ALICE.sign(2))
    known = {event.id: event.created_at for event in events[50:]}
    with client(server.url) as dialled:
        found = dialled.reconcile(NOTES, known)
        assert found == Difference(
            frozenset(event.id for event in events[:50]),
            frozenset(event.id for event in events[150:]),
        )
        assert isinstance(found, Difference)
        fetched = dialled.query([Filter(ids=tuple(found.missing_here))])
        dialled.publish([event for event in events if event.id in found.missing_there])
        known |= {event.id: event.created_at for event in fetched}
        assert dialled.reconcile(NOTES, known) == Difference(frozenset(), frozenset())
        assert dialled.reconcile(Filter(kinds=(3,)), {}) == Difference(frozenset(), frozenset())


def says(*texts: str | bytes) -> Script:
    """Answers every NEG-OPEN with these texts, and every REQ with EOSE."""

    def answer(message: list[Any]) -> list[str | bytes]:
        if message[0] == "REQ":
            return [messages.eose(message[1])]
        return [
            text.replace("NAME", message[1]) if isinstance(text, str) else text for text in texts
        ]

    return answer


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (['["NEG-ERR","NAME","blocked: this query is too big"]'], "blocked: this query is too big"),
        (['["CLOSED","NAME","error: unknown"]'], "error: unknown"),
        (['["NOTICE","ERROR: bad msg: unknown cmd"]'], "ERROR: bad msg: unknown cmd"),
        (['["OK","x",true,""]', '["NEG-ERR","other","x"]', '["NEG-ERR","NAME","no"]'], "no"),
        ([], "the relay said nothing"),
    ],
)
def test_refusals_are_their_own_answer_and_the_connection_stands(
    texts: list[str], reason: str
) -> None:
    with scripted(says(*texts)) as url, client(url) as dialled:
        assert dialled.reconcile(NOTES, {}, patience=0.2) == Declined(reason)
        assert dialled.query([NOTES]) == ()


@pytest.mark.parametrize("family", ["ngit-relay", "khatru"])
def test_families_that_do_not_speak_it_decline(starter: Starter, family: str) -> None:
    with client(starter(family).url) as dialled:
        assert isinstance(dialled.reconcile(NOTES, {}), Declined)
        assert dialled.query([NOTES]) == ()


def test_an_answer_that_comes_too_late_disturbs_nobody() -> None:
    late: list[str] = []

    def answer(message: list[Any]) -> list[str]:
        if message[0] == "NEG-OPEN":
            late.append(messages.neg_msg(message[1], b"\x61"))
            return []
        return [*late, messages.eose(message[1])]

    with scripted(answer) as url, client(url) as dialled:
        assert isinstance(dialled.reconcile(NOTES, {}, patience=0.1), Declined)
        assert dialled.query([NOTES]) == ()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (lambda _: None, Cause.CUT),
        (says('["NEG-MSG","NAME","61ff"]'), Cause.PROTOCOL),
        (says('["NEG-MSG","NAME","zz"]'), Cause.PROTOCOL),
        (says(b'["NOTICE","\xff"]'), Cause.PROTOCOL),
    ],
)
def test_a_broken_relay_fails_with_its_cause_and_stays_so(script: Script, kind: Cause) -> None:
    with scripted(script) as url, client(url) as dialled:
        for _ in range(2):  # a connection that failed stays failed
            with pytest.raises(Failure) as caught:
                dialled.reconcile(NOTES, {})
            assert caught.value.unknown.cause is kind
