"""rust-nostr's client as a user of every family: it publishes, listens, and pages to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import nostr_sdk
import pytest

from reconciler.nostr import kinds
from reconciler.nostr.event import Event, Tag
from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import dumps
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.servers import ALICE, BOB, NOW, Person

from .conftest import Starter

MAIN = "refs/heads/main"
ISSUES = nostr_sdk.Filter().kind(nostr_sdk.Kind(kinds.ISSUE))
NOTES = nostr_sdk.Filter().kind(nostr_sdk.Kind(kinds.NOTE))
PATIENCE = timedelta(seconds=10)
MANY = 610
"""More events than any family gives at once when it is not asked for a number."""


@asynccontextmanager
async def client(server: RunningServer) -> AsyncIterator[nostr_sdk.Client]:
    """Theirs, connected."""
    found = nostr_sdk.ClientBuilder().build()
    await found.add_relay(relay(server))
    await found.connect(PATIENCE)
    yield found
    await found.shutdown()


def relay(server: RunningServer) -> nostr_sdk.RelayUrl:
    return nostr_sdk.RelayUrl.parse(server.relay_url)


def signed(author: Person, kind: int, *tags: Tag, at: int = NOW) -> nostr_sdk.Event:
    """Built and signed by them."""
    builder = nostr_sdk.EventBuilder(nostr_sdk.Kind(kind), "")
    builder = builder.tags([nostr_sdk.Tag.parse(list(tag)) for tag in tags])
    builder = builder.custom_created_at(nostr_sdk.Timestamp.from_secs(at))
    return builder.finalize(nostr_sdk.Keys.parse(author.secret.hex()))


def likewise(event: Event) -> nostr_sdk.Event:
    """The same event, signed by them."""
    return signed(Person(_NAMES[event.pubkey]), event.kind, *event.tags, at=event.created_at)


_NAMES = {person.pubkey: person.name for person in (ALICE, BOB)}


async def publish(theirs: nostr_sdk.Client, *events: nostr_sdk.Event) -> list[str]:
    """Ids of those that the relay took."""
    found = []
    for event in events:
        output = await theirs.send_event(event, ok_timeout=PATIENCE)
        found += [event.id().to_hex()] if output.success else []
    return found


FAMILIES = [
    pytest.param(name, marks=() if name in ("spec", "ngit-grasp") else pytest.mark.long)
    for name in PRESETS
]


@pytest.mark.parametrize("family", FAMILIES)
def test_it_publishes_a_repository_and_hears_of_an_issue(
    starter: Starter, work: Work, clock: Clock, family: str
) -> None:
    server = starter(family=family)
    commit = work.commit("theirs")
    repository = likewise(ALICE.announce(server, "widget"))
    state = likewise(ALICE.state("widget", {MAIN: commit}))
    issue = signed(BOB, kinds.ISSUE, ("a", f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"))

    def push() -> None:
        clock.advance(1)  # ngit-relay makes the repository a moment after the OK
        assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}") or family == "khatru"
        clock.advance(31)  # grasp-gitea serves it in half a minute

    async def talk() -> tuple[list[str], str, set[str]]:
        async with client(server) as writer, client(server) as reader:
            taken = await publish(writer, repository, state)
            await asyncio.to_thread(push)
            stream = reader.notifications()
            await reader.subscribe(nostr_sdk.ReqTarget.single(relay(server), [ISSUES]))
            taken += await publish(writer, issue)
            async with asyncio.timeout(10):
                while not (heard := await stream.next()).is_new_event():
                    pass
            everything = nostr_sdk.ReqTarget.single(relay(server), [nostr_sdk.Filter()])
            found = await reader.fetch_events(everything, PATIENCE)
            return taken, heard.event.id().to_hex(), {one.id().to_hex() for one in found}

    taken, heard, found = asyncio.run(talk())
    ids = [one.id().to_hex() for one in (repository, state, issue)]
    assert taken == ids
    assert heard == issue.id().to_hex()
    assert found == set(ids)
    assert {event.id for event in server.events(Filter())} == set(ids)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_reads_page_by_page_beyond_what_is_given_at_once(starter: Starter, family: str) -> None:
    server = starter(family=family)
    notes = [ALICE.sign(kinds.NOTE, ("n", str(n)), at=NOW + n // 3) for n in range(MANY)]
    for note in notes:
        server.seed(note)

    async def read() -> list[set[str]]:
        pages: list[set[str]] = []
        async with client(server) as reader:
            question = NOTES
            while not pages or pages[-1] - set[str]().union(*pages[:-1]):
                target = nostr_sdk.ReqTarget.single(relay(server), [question])
                found = await reader.fetch_events(target, PATIENCE)
                pages.append({one.id().to_hex() for one in found})
                oldest = min(one.created_at().as_secs() for one in found)
                question = NOTES.until(nostr_sdk.Timestamp.from_secs(oldest))
        return pages

    pages = asyncio.run(read())
    assert len(pages[0]) == PRESETS[family].limits.default_limit < MANY
    assert set[str]().union(*pages) == {note.id for note in notes}


def test_what_it_signs_and_what_we_sign_are_one_event(starter: Starter) -> None:
    ours = ALICE.announce(starter(), "widget")
    theirs = likewise(ours)
    assert theirs.id().to_hex() == ours.id
    assert nostr_sdk.Event.from_json(dumps(ours.to_json())).verify()
