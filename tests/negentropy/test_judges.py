"""The last word belongs to rust-nostr (nostr-sdk): its client against our server, our client
against its relay, and its relay's answers against ours, byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import coincurve
import nostr_sdk
import pytest
import websocket
from nostr_sdk import uniffi_set_event_loop

from reconciler.nostr import messages
from reconciler.nostr.event import Draft, Event, seal
from reconciler.nostr.filters import Filter
from reconciler.nostr.negentropy.dialogue import Difference
from reconciler.nostr.negentropy.items import Items, items
from reconciler.nostr.negentropy.roles import Initiator, Responder
from reconciler.nostr.strictjson import dumps
from reconciler.sandbox.events.store import Added, Store
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit import clients

KEY = coincurve.PrivateKey(hashlib.sha256(b"negentropy judges").digest())
NOTES = Filter(kinds=(1,))
THEIR_NOTES = nostr_sdk.Filter().kind(nostr_sdk.Kind(1))


def note(number: int) -> Event:
    pubkey = KEY.public_key_xonly.format().hex()
    draft = Draft(pubkey, 1_700_000_000 + number // 3, 1, (("n", str(number)),))
    return seal(draft, KEY.sign_schnorr(bytes.fromhex(draft.id)))


def held(events: Sequence[Event]) -> Items:
    return items((event.created_at, event.id) for event in events)


def ids(events: Sequence[Event]) -> frozenset[str]:
    return frozenset(event.id for event in events)


@pytest.fixture(scope="module", params=[2_000, pytest.param(20_000, marks=pytest.mark.long)])
def notes(request: pytest.FixtureRequest) -> list[Event]:
    return [note(number) for number in range(request.param)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, notes: list[Event]) -> Iterator[RunningServer]:
    """Ours, with all notes but every 40th."""
    spec = ServerSpec(
        name="judged", directory=tmp_path_factory.mktemp("judged"), family="spec", grasp=False
    )
    store = Store(spec.directory / "events.sqlite")
    kept = [event for number, event in enumerate(notes) if number % 40]
    assert store.add_many(kept)[Added.STORED] == len(kept)
    store.close()
    running = start(spec)
    yield running
    running.kill()


@pytest.fixture(scope="module")
def theirs(notes: list[Event]) -> Iterator[str]:
    """Their relay, with all notes but the last 500; its URL."""

    async def begin() -> tuple[nostr_sdk.LocalRelay, str]:
        rate = nostr_sdk.RateLimit(max_reqs=1_000, notes_per_minute=10**9)
        relay = nostr_sdk.LocalRelayBuilder().rate_limit(rate).build()
        await relay.run()
        return relay, str(await relay.url())

    relay, url = asyncio.run(begin())
    for start_ in range(0, len(notes) - 500, 5_000):
        # their relay ends a connection after 6,000 events
        with closing(websocket.create_connection(url, timeout=10)) as socket:
            for event in notes[start_ : min(start_ + 5_000, len(notes) - 500)]:
                socket.send(messages.event(event))
                assert json.loads(socket.recv())[2] is True
    yield url
    relay.shutdown()


def test_their_relay_answers_byte_for_byte_as_ours(theirs: str, notes: list[Event]) -> None:
    responder = Responder(held(notes[:-500]))
    for number, known in enumerate((notes[:0], notes[:9_000:2], notes[700:], notes[3:5])):
        client, name = Initiator(held(known)), f"n{number}"
        question = client.start()
        with closing(websocket.create_connection(theirs, timeout=10)) as socket:
            socket.send(messages.neg_open(name, NOTES, question))
            while True:
                answer = messages.parse_relay(socket.recv())
                assert isinstance(answer, messages.NegMsg)
                assert answer.payload == responder.feed(question)
                following = client.feed(answer.payload)
                if following is None:
                    break
                question = following
                socket.send(messages.neg_msg(name, question))
        assert client.missing_here == set(map(bytes.fromhex, ids(notes[:-500]) - ids(known)))


def test_our_client_and_their_relay_end_equal(theirs: str, notes: list[Event]) -> None:
    """Their relay is filled up in the end, so this stands behind the test of its bytes."""
    known = {event.id: event for event in notes[300:]}
    with closing(clients.relay(theirs.replace("ws:", "http:"))) as relay:
        found = relay.reconcile(NOTES, times(known))
        assert found == Difference(ids(notes[:300]), ids(notes[-500:]))
        assert isinstance(found, Difference)
        fetched = relay.query([Filter(ids=tuple(found.missing_here))])
        answers = relay.publish([known[i] for i in found.missing_there])
        assert all(ok.accepted for ok in clients.oks(answers))
        known |= {event.id: event for event in fetched}
        assert relay.reconcile(NOTES, times(known)) == Difference(frozenset(), frozenset())
    assert known.keys() == ids(notes)


def times(known: dict[str, Event]) -> dict[str, int]:
    return {event.id: event.created_at for event in known.values()}


@asynccontextmanager
async def their_client(
    server: RunningServer, database: nostr_sdk.NostrDatabase | None = None
) -> AsyncIterator[nostr_sdk.Client]:
    builder = nostr_sdk.ClientBuilder()
    client = (builder.database(database) if database else builder).build()
    await client.add_relay(nostr_sdk.RelayUrl.parse(server.relay_url))
    await client.connect(timedelta(seconds=10))
    yield client
    await client.shutdown()


@pytest.mark.parametrize("known", [slice(0, 0), slice(0, 9_000, 2), slice(700, None), slice(None)])
def test_their_client_finds_the_difference_to_our_server(
    server: RunningServer, notes: list[Event], known: slice
) -> None:
    mine = [
        nostr_sdk.NegentropyItem(
            id=nostr_sdk.EventId.parse(event.id),
            timestamp=nostr_sdk.Timestamp.from_secs(event.created_at),
        )
        for event in notes[known]
    ]

    async def compare() -> nostr_sdk.RelaySyncSummary:
        async with their_client(server) as client:
            relay = await client.relay(nostr_sdk.RelayUrl.parse(server.relay_url))
            both = nostr_sdk.SyncOptions().direction(nostr_sdk.SyncDirection.BOTH).dry_run()
            return await relay.sync(THEIR_NOTES, mine, both)

    found = asyncio.run(compare())
    ours = ids([event for number, event in enumerate(notes) if number % 40])
    assert {one.to_hex() for one in found.remote} == ours - ids(notes[known])
    assert {one.to_hex() for one in found.local} == ids(notes[known]) - ours


def test_their_client_and_our_server_end_equal(
    server: RunningServer, notes: list[Event], tmp_path: Path
) -> None:
    """A real sync, both ways, with their database; they hold one in five."""
    since, until = notes[0].created_at, notes[-1].created_at
    question = nostr_sdk.Filter().kind(nostr_sdk.Kind(1))
    question = question.since(nostr_sdk.Timestamp.from_secs(since))
    question = question.until(nostr_sdk.Timestamp.from_secs(until))

    async def sync() -> set[str]:
        database = await nostr_sdk.NostrLmdb.open(str(tmp_path))
        for event in notes[::5]:
            await database.save_event(nostr_sdk.Event.from_json(dumps(event.to_json())))
        async with their_client(server, database) as client:
            both = nostr_sdk.SyncOptions().direction(nostr_sdk.SyncDirection.BOTH)
            await client.sync(question, opts=both)
        return {one.id().to_hex() for one in await database.query(nostr_sdk.Filter())}

    in_time = Filter(kinds=(1,), since=since, until=until)
    before = ids(server.events(in_time))
    expected = before | ids(notes[::5])
    assert expected > before
    with asyncio.Runner() as runner:
        uniffi_set_event_loop(runner.get_loop())  # their callbacks into Python come from any thread
        try:
            found = runner.run(sync())
        finally:
            uniffi_set_event_loop(None)
    assert found == expected == ids(server.events(in_time))
