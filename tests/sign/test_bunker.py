"""A remote signer that lies, hangs and floods: what counts is the very event that was asked for,
and nothing else ends a request. Each case has its verdict; all of it over a real relay."""

from __future__ import annotations

import base64
import ipaddress
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import nostr_sdk
import pytest

from reconciler.edge.allowance import Allowances
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.mailbox import Mailbox
from reconciler.edge.paper import Paper
from reconciler.errors import NotSigned, OurFault, ReconcileError
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Draft, Event, verify_text
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from reconciler.sign.bunker.dialogue import Dialogue, Request
from reconciler.sign.bunker.meeting import new_client
from reconciler.sign.bunker.pairing import Pairing
from reconciler.sign.bunker.queue import Queue
from reconciler.sign.bunker.signer import BunkerSigner
from tests.kit.bunker import KIND, Bunker, Json

Play = Callable[[Bunker, Json, str], Iterable[str]]
STRANGER = nostr_sdk.Keys.generate()
SOMEBODY = "ab" * 32
WAIT = 0.8
"""Seconds until a case without an answer counts as one."""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("relay")
    server = start(ServerSpec(name="relay", directory=folder, family="spec", grasp=False))
    yield server
    server.stop()


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(Paper(tmp_path / "state" / "asked.json"))


def pairing(bunker: Bunker) -> Pairing:
    return Pairing(
        client=new_client(),
        remote=bunker.pubkey,
        user=bunker.signs_for,
        relays=(urls.canonical(bunker.relay),),
    )


def signer(found: Pairing, queue: Queue, *, wait: float = WAIT) -> BunkerSigner:
    clock = Clock()
    egress = Egress((ipaddress.ip_network("127.0.0.0/8"),))

    def wire(paired: Pairing) -> Mailbox:
        return Mailbox(paired.relays, egress, clock, Allowances(clock))

    return BunkerSigner({"amber": found}, wire, queue, wait=wait)


def draft(bunker: Bunker, *, kind: int = kinds.STATE, at: int = 1_700_000_000) -> Draft:
    tags = (("d", "widget"), ("refs/heads/main", "1" * 40), ("HEAD", "ref: refs/heads/main"))
    return Draft(bunker.signs_for, at, kind, tags)


def fields(request: Json) -> Json:
    found: Json = json.loads(request["params"][0])
    return found


def answering(**changed: object) -> Play:
    return lambda b, r, c: [b.answer(r, c, **changed)]


def signing(**changed: object) -> Play:
    return lambda b, r, c: [b.answer(r, c, result=b.signed(fields(r), **changed))]


def broken(change: Callable[[Json], object]) -> Play:
    """The signed event, changed after it was signed."""

    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        event = json.loads(b.signed(fields(r)))
        change(event)
        return [b.answer(r, c, result=json.dumps(event))]

    return play


def flipped(b: Bunker, r: Json, c: str) -> Iterable[str]:
    """A right answer whose MAC has one wrong bit; the event itself verifies."""
    sealed = json.loads(b.answer(r, c))["content"]
    data = bytearray(base64.b64decode(sealed))
    data[-1] ^= 1
    return [b.answer(r, c, content=base64.b64encode(bytes(data)).decode())]


def unsigned(b: Bunker, r: Json, c: str) -> Iterable[str]:
    event = json.loads(b.answer(r, c))
    return [json.dumps(event | {"sig": "0" * 128})]


def deep(b: Bunker, r: Json, c: str) -> Iterable[str]:
    text = '{"id":"' + r["id"] + '","result":' + "[" * 50_000 + "]" * 50_000 + "}"
    return [b.answer(r, c, text=text[:60_000])]


IGNORED: dict[str, Play] = {
    "nothing": lambda *_: [],
    "by a stranger": answering(by=STRANGER),
    "by the user, who is not the signer": lambda b, r, c: [b.answer(r, c, by=b.user)],
    "another kind": answering(kind=24134),
    "for somebody else": answering(to=SOMEBODY),
    "for us and somebody else": lambda b, r, c: [b.answer(r, c, tags=[["p", c], ["p", SOMEBODY]])],
    "without a p tag": answering(tags=[]),
    "of last year": answering(at=1_700_000_000),
    "of tomorrow": lambda b, r, c: [b.answer(r, c, at=int(time.time()) + 86_400)],
    "encrypted for somebody else": lambda b, r, c: [b.answer(r, c, reader=b.signs_for)],
    "in plain text": lambda b, r, c: [b.answer(r, c, content=json.dumps({"id": r["id"]}))],
    "of another encryption": answering(content="#future"),
    "with a wrong MAC": flipped,
    "with a wrong signature on the answer": unsigned,
    "to another request": answering(id="0" * 32),
    "to a request with a number for an id": answering(body={"id": 7, "result": "ack"}),
    "no JSON": answering(text="{"),
    "a list": answering(text="[]"),
    "nested to the end of the stack": deep,
    "without result and error": lambda b, r, c: [b.answer(r, c, body={"id": r["id"]})],
    "a result that is no text": lambda b, r, c: [
        b.answer(r, c, body={"id": r["id"], "result": {"sig": "x"}})
    ],
    "an empty result": answering(result=""),
    "ack to a signature": answering(result="ack"),
    "an event by another key": signing(keys=STRANGER),
    "another kind of event": signing(kind=1),
    "another time": signing(created_at=1_700_000_001),
    "another content": signing(content="hello"),
    "a tag more": lambda b, r, c: [
        b.answer(r, c, result=b.signed(fields(r), tags=[*fields(r)["tags"], ["x", "y"]]))
    ],
    "a tag less": lambda b, r, c: [
        b.answer(r, c, result=b.signed(fields(r), tags=fields(r)["tags"][:-1]))
    ],
    "tags in another order": lambda b, r, c: [
        b.answer(r, c, result=b.signed(fields(r), tags=fields(r)["tags"][::-1]))
    ],
    "another object for a ref": broken(lambda e: e["tags"][1].__setitem__(1, "2" * 40)),
    "an id that is not the hash": broken(lambda e: e.__setitem__("id", "0" * 64)),
    "a signature that does not hold": broken(lambda e: e.__setitem__("sig", "0" * 128)),
    "somebody's pubkey on it": broken(lambda e: e.__setitem__("pubkey", SOMEBODY)),
    "a page to visit": answering(result="auth_url", error="https://sign.example/x?token=1"),
    "a page that is a script": answering(result="auth_url", error="javascript:alert(1)"),
    "a long word": answering(result="x" * 60_000),
}
"""What does not count: the request waits on, and is kept."""


@pytest.mark.parametrize("name", IGNORED)
def test_what_does_not_count_ends_nothing(relay: RunningServer, queue: Queue, name: str) -> None:
    with Bunker(relay.relay_url, play=IGNORED[name]) as bunker:
        wanted = draft(bunker)
        with pytest.raises(NotSigned, match="has not approved"):
            signer(pairing(bunker), queue).sign("amber", wanted)
        assert [request["method"] for request in bunker.requests] == ["sign_event"]
    assert queue.drafts(now=int(time.time())) == (wanted,)


@pytest.mark.parametrize("name", [n for n in IGNORED if n != "nothing"])
def test_the_right_answer_after_it_counts_all_the_same(
    relay: RunningServer, queue: Queue, name: str
) -> None:
    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        return [*IGNORED[name](b, r, c), b.answer(r, c)]

    with Bunker(relay.relay_url, play=play) as bunker:
        event = signer(pairing(bunker), queue, wait=30).sign("amber", draft(bunker))
        check(event, draft(bunker))
    assert queue.drafts(now=int(time.time())) == ()


def check(event: Event, wanted: Draft) -> None:
    assert event.id == wanted.id
    assert nostr_sdk.Event.from_json(json.dumps(event.to_json())).verify()


def test_an_event_of_another_kind_is_no_answer_even_where_a_relay_sends_it() -> None:
    bunker = Bunker("ws://127.0.0.1:9")
    dialogue = Dialogue(new_client(), bunker.pubkey)
    now = int(time.time())
    asked = Request("a" * 32, "ping", (), now)
    dialogue.request(asked, at=now, nonce=bytes(32))
    request = {"id": asked.id, "method": "get_public_key"}
    for kind, counts in ((KIND, True), (KIND + 1, False)):
        text = bunker.answer(request, dialogue.client, result="pong", kind=kind)
        assert (dialogue.hear(verify_text(text), now=now) is not None) is counts


def test_junk_by_the_thousand_ends_nothing(relay: RunningServer, queue: Queue) -> None:
    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        for _ in range(500):
            yield b.answer(r, c, by=STRANGER)
        for number in range(500):
            yield b.answer(r, c, id=f"{number:032x}")
        yield b.answer(r, c)

    with Bunker(relay.relay_url, play=play) as bunker:
        event = signer(pairing(bunker), queue, wait=30).sign("amber", draft(bunker))
        check(event, draft(bunker))


def test_an_answer_that_comes_twice_counts_once(relay: RunningServer, queue: Queue) -> None:
    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        return [b.answer(r, c)] * 2

    with Bunker(relay.relay_url, play=play) as bunker:
        ours = signer(pairing(bunker), queue, wait=30)
        check(ours.sign("amber", draft(bunker)), draft(bunker))
        later = draft(bunker, at=1_700_000_099)
        check(ours.sign("amber", later), later)  # the old answer is none to the new request


def test_a_refusal_is_kept_and_nobody_is_asked_again(relay: RunningServer, queue: Queue) -> None:
    words = "user said \x1b[31mno"
    with Bunker(relay.relay_url, play=answering(result="", error=words)) as bunker:
        ours = signer(pairing(bunker), queue, wait=30)
        for _ in range(2):
            with pytest.raises(NotSigned, match="refused to sign: user said"):
                ours.sign("amber", draft(bunker))
        assert len(bunker.requests) == 1


def test_a_late_approval_is_used_by_a_later_run(relay: RunningServer, queue: Queue) -> None:
    approved = False

    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        return [b.answer(r, c)] if approved else []

    with Bunker(relay.relay_url, play=play) as bunker:
        paired, wanted = pairing(bunker), draft(bunker)
        with pytest.raises(NotSigned):
            signer(paired, queue).sign("amber", wanted)
        approved = True
        check(signer(paired, queue, wait=30).sign("amber", wanted), wanted)
        ids = {request["id"] for request in bunker.requests}
    assert len(ids) == 1


def test_an_answer_while_nobody_listened_is_heard_in_a_later_run(
    relay: RunningServer, queue: Queue
) -> None:
    """A relay may keep what it need not keep; then the answer need not be given twice."""
    kept: list[str] = []

    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        kept.append(b.answer(r, c))
        return []

    with Bunker(relay.relay_url, play=play) as bunker:
        paired, wanted = pairing(bunker), draft(bunker)
        with pytest.raises(NotSigned):
            signer(paired, queue).sign("amber", wanted)
        bunker.play = lambda *_: kept[:1]
        check(signer(paired, queue, wait=30).sign("amber", wanted), wanted)


def test_a_newer_request_for_the_same_takes_the_place_of_the_old_one(
    relay: RunningServer, queue: Queue
) -> None:
    with Bunker(relay.relay_url, play=IGNORED["nothing"]) as bunker:
        ours = signer(pairing(bunker), queue)
        for at in (1_700_000_000, 1_700_000_050):
            with pytest.raises(NotSigned):
                ours.sign("amber", draft(bunker, at=at))
        other = draft(bunker, kind=kinds.ANNOUNCEMENT)
        with pytest.raises(NotSigned):
            ours.sign("amber", other)
        waiting = queue.drafts(now=int(time.time()))
    assert waiting == (draft(bunker, at=1_700_000_050), other)


@pytest.mark.parametrize("kind", [0, 1, 5, 10317, 22242, KIND])
def test_other_kinds_are_never_asked_for(relay: RunningServer, queue: Queue, kind: int) -> None:
    with Bunker(relay.relay_url) as bunker, pytest.raises(OurFault):
        signer(pairing(bunker), queue).sign("amber", draft(bunker, kind=kind))
    assert bunker.requests == []


def test_a_relay_that_is_not_there_fails_and_keeps_the_request(queue: Queue) -> None:
    bunker = Bunker("ws://127.0.0.1:9")
    with pytest.raises(ReconcileError, match="refused"):
        signer(pairing(bunker), queue).sign("amber", draft(bunker))
    assert len(queue.drafts(now=int(time.time()))) == 1


def test_a_relay_that_may_not_be_dialled_is_not(queue: Queue) -> None:
    for place in ("ws://169.254.169.254", "ws://10.0.0.1:7", "wss://[::1]"):
        with pytest.raises(ReconcileError):
            found = pairing(Bunker(place))
            signer(found, queue).sign("amber", draft(Bunker(place)))
