"""One embedded server with 2,000 repositories and 100,000 events, next to its peers.

Memory, start time and medians, each with the ratio to a program that does the same work: git for
ref advertisements, rust-nostr's relay for a question, rust-nostr's client for negentropy.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import coincurve
import nostr_sdk
import requests
import websocket

from bench import measure as bench
from bench.embedded import Embedded, embedded
from bench.measure import Measure, Place
from reconciler.nostr import kinds, messages, urls
from reconciler.nostr.event import Draft, Event, Tags, seal
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Eose, NegMsg
from reconciler.nostr.negentropy.items import items
from reconciler.nostr.negentropy.roles import Initiator
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.events.store import Store
from reconciler.sandbox.repos import Repos

REPOSITORIES = 2_000
EVENTS = 100_000
AUTHORS = 200
LACKING = 1_000
"""Events that the negentropy client does not have."""
ASKED = 200
"""Questions of one kind; their median counts."""
PEER_AUTHORS = 11
"""Whose events rust-nostr's relay gets: it ends a connection after 6,000 of them."""
BEGAN = 1_700_000_000
ISSUE = 1621

T = TypeVar("T")
Known = tuple[int, str]
"""An event's time and id."""


def run(place: Place) -> Sequence[bench.Row]:
    """Fill a server, measure it and its peers."""
    known, filling = timed(lambda: fill(place.folder))
    with embedded(place.folder, "spec") as server:
        rows = [
            Row(f"filling: {len(known):,} events, {REPOSITORIES:,} repositories", filling),
            Row("start: process to first answer", server.process_seconds),
            Row("start: server alone", server.start_seconds),
            *refs(server, place.folder),
            *questions(server, place.folder),
            *reconciliation(server, known),
            Row("memory after all this", server.memory(), unit="MiB"),
        ]
    return [row.shown() for row in rows]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was measured, and the same by a peer. No targets: it is the demo's server."""

    what: str
    value: float
    peer: str = ""
    theirs: float = 0.0
    unit: str = "s"
    note: str = ""

    def shown(self) -> bench.Row:
        """As the table of all measures wants it."""
        theirs = bench.Figure(self.peer, self.theirs, (self.theirs,)) if self.peer else None
        return bench.Row(
            measure="sandbox",
            what=f"{self.what}{self.note}",
            unit=self.unit,
            ours=bench.Figure("embedded server", self.value, (self.value,)),
            theirs=theirs,
            target=None,
        )


# --- filling ----------------------------------------------------------------------------------


def owner(number: int) -> str:
    """The pubkey of an author."""
    return _key(number).public_key_xonly.format().hex()


def _key(number: int) -> coincurve.PrivateKey:
    return coincurve.PrivateKey(hashlib.sha256(f"bench {number}".encode()).digest())


def _drafts(author: int) -> Iterator[Draft]:
    """What one author wrote: announcements and states of ten repositories, and issues."""
    pubkey = owner(author)
    for number in range(EVENTS // AUTHORS):
        name = f"repository-{number % (REPOSITORIES // AUTHORS)}"
        at = BEGAN + number * AUTHORS // 3 + author
        tags: Tags = (("d", name),)
        if number < REPOSITORIES // AUTHORS:
            urls_ = (("clone", f"https://x/{pubkey}/{name}.git"), ("relays", "wss://x"))
            yield Draft(pubkey, at, kinds.ANNOUNCEMENT, (*tags, *urls_))
        elif number < 2 * REPOSITORIES // AUTHORS:
            yield Draft(pubkey, at, kinds.STATE, (*tags, ("refs/heads/main", "1" * 40)))
        else:
            address = ("a", f"{kinds.ANNOUNCEMENT}:{pubkey}:{name}")
            kind = ISSUE if number % 4 == 0 else kinds.COMMENT
            yield Draft(pubkey, at, kind, (address, ("t", "bug")), f"text {number} " * 12)


def write(directory: Path, author: int) -> list[Known]:
    """Sign one author's events and store them; runs in a process of its own."""
    key = _key(author)
    events = [seal(one, key.sign_schnorr(bytes.fromhex(one.id))) for one in _drafts(author)]
    with closing(Store(directory / "events.sqlite")) as store:
        store.add_many(events)
    return [(event.created_at, event.id) for event in events]


def fill(directory: Path) -> list[Known]:
    """Write events and repositories as a server would have; the events' times and ids."""
    Store(directory / "events.sqlite").close()
    with ProcessPoolExecutor(2) as workers:
        parts = workers.map(partial(write, directory), range(AUTHORS))
        known = list(itertools.chain.from_iterable(parts))
    repos = Repos(directory)
    first, *others = coordinates()
    repos.ensure(first)
    _commit(repos.path(first))
    for other in others:
        shutil.copytree(repos.path(first), repos.path(other))
    return known


def coordinates() -> list[Coordinate]:
    """All repositories."""
    names = [f"repository-{number}" for number in range(REPOSITORIES // AUTHORS)]
    return [Coordinate(owner(author), name) for author in range(AUTHORS) for name in names]


def _commit(path: Path) -> None:
    """One commit under 20 names."""

    def git(*args: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=b", "-c", "user.email=b@x", *args],
            cwd=path, check=True, capture_output=True, text=True, input="",
        )  # fmt: skip
        return done.stdout.strip()

    commit = git("commit-tree", git("mktree"), "-m", "one")
    for number in range(20):
        git("update-ref", f"refs/heads/branch-{number}", commit)
    git("update-ref", "refs/heads/main", commit)
    git("pack-refs", "--all")


# --- measuring ----------------------------------------------------------------------------------


def refs(server: Embedded, directory: Path) -> Iterator[Row]:
    """Ref advertisements over keep-alive HTTP, and by git itself."""
    chosen = random.Random(1).sample(coordinates(), ASKED)  # noqa: S311 - a sample
    repos = Repos(directory)
    yield Row("memory after the start", server.memory(), unit="MiB")
    with requests.Session() as http:

        def ask(one: Coordinate) -> None:
            clone = urls.clone(server.url, one.owner, one.identifier)
            http.get(f"{clone}/info/refs?service=git-upload-pack", timeout=10).raise_for_status()

        ours = median(ask, chosen)

    def run(one: Coordinate) -> None:
        argv = ["git", "upload-pack", "--advertise-refs", str(repos.path(one))]
        subprocess.run(argv, check=True, capture_output=True)

    yield Row("info/refs, 21 refs", ours, "git upload-pack", median(run, chosen[:50]))


def questions(server: Embedded, directory: Path) -> Iterator[Row]:
    """An author's events of one kind, over WebSocket."""
    people = [owner(author) for author in range(PEER_AUTHORS)]
    with closing(Store(directory / "events.sqlite")) as store:
        events = store.events(Filter(authors=tuple(people)), now=time.time())
    with their_relay(events) as theirs:
        asked = list(itertools.islice(itertools.cycle(people), ASKED))
        for what, kind in (("~120 issues", ISSUE), ("10 announcements", kinds.ANNOUNCEMENT)):
            ours = _ask(server.relay_url, kind, asked)
            peer = _ask(theirs, kind, asked)
            yield Row(f"REQ by author and kind: {what}", ours, "rust-nostr relay", peer)


def _ask(url: str, kind: int, people: Iterable[str]) -> float:
    """The client is ours both times, so that its own cost is in both figures."""
    with closing(_connected(url)) as socket:

        def ask(author: str) -> None:
            socket.send(messages.req("q", Filter(authors=(author,), kinds=(kind,))))
            while not isinstance(messages.parse_relay(socket.recv()), Eose):
                pass
            socket.send(messages.close("q"))

        return median(ask, people)


def _connected(url: str) -> websocket.WebSocket:
    """The check of UTF-8 is pure Python in this library and would hide what is compared."""
    return websocket.create_connection(url, timeout=60, skip_utf8_validation=True)


@contextmanager
def their_relay(events: Iterable[Event]) -> Iterator[str]:
    """rust-nostr's relay with some events; its URL."""

    async def begin() -> tuple[nostr_sdk.LocalRelay, str]:
        rate = nostr_sdk.RateLimit(max_reqs=1_000, notes_per_minute=10**9)
        relay = nostr_sdk.LocalRelayBuilder().rate_limit(rate).build()
        await relay.run()
        return relay, str(await relay.url())

    relay, url = asyncio.run(begin())
    with closing(_connected(url)) as socket:
        for event in events:
            socket.send(messages.event(event))
            socket.recv()
    yield url
    relay.shutdown()


def reconciliation(server: Embedded, known: list[Known]) -> Iterator[Row]:
    """99,000 of 100,000 known: by our client and by theirs, against our server."""
    mine = known[LACKING:]
    (found, rounds, size), ours = timed(lambda: _reconcile(server.relay_url, mine))
    theirs = _their_reconcile(server.relay_url, mine)
    note = f"  ({found:,} found, {rounds} rounds, {size / 1e6:.2f} MB)"
    what = f"negentropy, {len(mine):,} of {len(known):,}"
    yield Row(what, ours, "rust-nostr client", theirs, note=note)


def _reconcile(url: str, known: Iterable[Known]) -> tuple[int, int, int]:
    """How many were found, rounds, and bytes both ways, hex and JSON included."""
    client = Initiator(items(known))
    rounds, text = 1, messages.neg_open("n", Filter(), client.start())
    size = len(text)
    with closing(_connected(url)) as socket:
        socket.send(text)
        while True:
            answer = messages.parse_relay(socket.recv())
            if not isinstance(answer, NegMsg):
                raise SystemExit(str(answer))
            size += 2 * len(answer.payload)
            question = client.feed(answer.payload)
            if question is None:
                return len(client.missing_here), rounds, size
            rounds, text = rounds + 1, messages.neg_msg("n", question)
            size += len(text)
            socket.send(text)


def _their_reconcile(url: str, known: Iterable[Known]) -> float:
    mine = [
        nostr_sdk.NegentropyItem(
            id=nostr_sdk.EventId.parse(name), timestamp=nostr_sdk.Timestamp.from_secs(at)
        )
        for at, name in known
    ]

    async def compare() -> float:
        client = nostr_sdk.ClientBuilder().build()
        await client.add_relay(nostr_sdk.RelayUrl.parse(url))
        await client.connect(timedelta(seconds=10))
        relay = await client.relay(nostr_sdk.RelayUrl.parse(url))
        began = time.perf_counter()
        await relay.sync(nostr_sdk.Filter(), mine, nostr_sdk.SyncOptions().dry_run())
        seconds = time.perf_counter() - began
        await client.shutdown()
        return seconds

    return asyncio.run(compare())


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What came out, and the seconds that it took."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def median(work: Callable[[T], None], over: Iterable[T]) -> float:
    """The median of many single times, in seconds."""
    return statistics.median(timed(partial(work, one))[1] for one in over)


MEASURE = Measure(name="sandbox", about="one embedded server that holds a lot", run=run)
