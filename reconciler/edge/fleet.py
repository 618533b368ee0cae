"""The real world behind `world.World`: servers over HTTP and WebSocket, the archive, the clock."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from reconciler.edge import memory
from reconciler.edge.archive import Archive
from reconciler.edge.child import Git, find_git
from reconciler.edge.egress import Egress
from reconciler.edge.http import Http
from reconciler.edge.relay import RelayClient
from reconciler.edge.throttle import Gate
from reconciler.errors import PeerFault
from reconciler.git import advertisement, receive_pack
from reconciler.git.advertisement import RECEIVE, UPLOAD, Advertisement
from reconciler.git.receive_pack import RefUpdate, Report
from reconciler.limits import (
    ADVERT_BYTES,
    NIP11_BYTES,
    PUSH_READ_SECONDS,
    READ_SECONDS,
    RELAY_IDLE_SECONDS,
    REPORT_BYTES,
    SETTLE_SECONDS,
)
from reconciler.model.desired import Desired, Throttle
from reconciler.model.observed import Absent, Fault, FaultKind, Listing, Submission
from reconciler.nostr import nip11, urls
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure, Relay, Stale


class Fleet:
    """The outside of one run. Use as a context manager; it closes what it opened."""

    def __init__(self, desired: Desired, state: Path) -> None:
        """Args: the desired state, and the folder that holds the archive."""
        networks = tuple(ipaddress.ip_network(n) for n in desired.policies.allow_private)
        self._egress = Egress(networks)
        self._http = Http(self._egress)
        throttles = {server.url: server.throttle for server in desired.servers}
        throttles |= {url: Throttle() for url in desired.index_relays}
        self._gates = {url: Gate(throttle) for url, throttle in throttles.items()}
        self._relays: dict[str, RelayClient | Failure] = {}
        self._caps: dict[str, int | None] = {}
        self._locks = {url: Lock() for url in throttles}
        self._memory = state / "submissions.json"
        home = state / "home"
        home.mkdir(parents=True, exist_ok=True)
        git = Git(home, find_git())
        self._archive = Archive(state / "archive", git, self._locate, self.refs)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for gate in self._gates.values():
                stack.callback(gate.close)
            for relay in self._relays.values():
                if isinstance(relay, RelayClient):
                    stack.callback(relay.close)
            stack.callback(self._http.close)
            stack.callback(self._archive.close)

    def now(self) -> int:
        """Seconds since 1970."""
        return int(time.time())

    def seconds(self) -> float:
        """A clock for durations."""
        return time.monotonic()

    def settle(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def submitted(self) -> tuple[Submission, ...]:
        """The memory of earlier runs; empty when it is lost or damaged."""
        return memory.load(self._memory)

    def remember(self, submissions: Sequence[Submission]) -> None:
        """Write the memory down."""
        memory.save(self._memory, submissions)

    def repair(self) -> None:
        """Clear what a killed run left in the archive; the caller holds the run lock."""
        self._archive.repair()

    def info(self, server: str) -> RelayInfo:
        """NIP-11: GET the relay's URL with its own Accept header. Raises Failure."""
        with self._gates[server].request():
            _, body = self._http.get(
                f"{server}/",
                accept="application/nostr+json",
                limit=NIP11_BYTES,
                seconds=READ_SECONDS,
            )
        try:
            info = nip11.parse(body)
        except PeerFault as error:
            raise Failure(Fault(FaultKind.PROTOCOL, str(error))) from None
        self._caps[server] = info.max_limit
        return info

    def relay(self, server: str) -> Relay:
        """The one conversation with a server's relay in this run. Raises Failure."""
        with self._locks[server]:
            old = self._relays.get(server)
            if isinstance(old, RelayClient) and old.idle() > RELAY_IDLE_SECONDS:
                # a long push wave: the relay's pings went unanswered, so start afresh
                old.close()
                del self._relays[server]
            if server not in self._relays:
                try:
                    gate = self._gates[server]
                    cap = self._caps.get(server)
                    self._relays[server] = RelayClient(server, self._egress, gate.pace, cap=cap)
                except Failure as failure:
                    self._relays[server] = failure
            found = self._relays[server]
        if isinstance(found, Failure):
            raise found
        return found

    def refs(self, server: str, coordinate: Coordinate) -> Listing | Absent:
        """One GET of info/refs, protocol v0 (GRASP-01, gitprotocol-http). Raises Failure."""
        with self._gates[server].request():
            found = self._advertised(server, coordinate, UPLOAD)
        if found is None:
            return Absent()
        return Listing(found.refs, found.head)

    def archived(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """What the archive holds."""
        return self._archive.holds(coordinate, oids)

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> None:
        """Fetch objects into the archive. Raises Failure."""
        self._archive.gather(coordinate, oids, sources)

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Report:
        """One conditional push (`world.World.push`). Raises Failure, Stale."""
        with self._gates[server].transfer():
            advert = self._wait_for_repository(server, coordinate)
            left = _still_needed(updates, dict(advert.refs))
            if not left:
                return Report("unchanged", frozenset(), ())
            body = self._request(coordinate, left, advert)
            url = urls.clone(server, coordinate.owner, coordinate.identifier) + f"/{RECEIVE}"
            answer = self._http.post(
                url, body, kind=RECEIVE, limit=REPORT_BYTES, seconds=PUSH_READ_SECONDS
            )
        try:
            return receive_pack.parse_report(answer)
        except PeerFault as error:
            raise Failure(Fault(FaultKind.PROTOCOL, str(error))) from None

    def _advertised(
        self, server: str, coordinate: Coordinate, service: str
    ) -> Advertisement | None:
        """A parsed advertisement; None when the server answers 404."""
        url = urls.clone(server, coordinate.owner, coordinate.identifier)
        try:
            kind, body = self._http.get(
                f"{url}/info/refs?service={service}",
                accept="*/*",
                limit=ADVERT_BYTES,
                seconds=READ_SECONDS,
            )
        except Failure as failure:
            if failure.fault == Fault(FaultKind.HTTP, "404"):
                return None
            raise
        if kind.partition(";")[0].strip() != f"application/x-{service}-advertisement":
            detail = "info/refs is no smart-HTTP advertisement"
            raise Failure(Fault(FaultKind.PROTOCOL, detail))
        try:
            return advertisement.parse(body, service)
        except PeerFault as error:
            raise Failure(Fault(FaultKind.PROTOCOL, str(error))) from None

    def _wait_for_repository(self, server: str, coordinate: Coordinate) -> Advertisement:
        """Some servers make the repository a moment after they accept its announcement (NR)."""
        retrying = Retrying(
            retry=retry_if_exception(_is_absent),
            stop=stop_after_delay(SETTLE_SECONDS),
            wait=wait_exponential_jitter(multiplier=0.1, max=1, jitter=0.1),
            reraise=True,
        )
        return retrying(self._receiving, server, coordinate)

    def _receiving(self, server: str, coordinate: Coordinate) -> Advertisement:
        advert = self._advertised(server, coordinate, RECEIVE)
        if advert is None:
            raise Failure(Fault(FaultKind.HTTP, "404"))
        return advert

    def _request(
        self, coordinate: Coordinate, updates: tuple[RefUpdate, ...], advert: Advertisement
    ) -> _Body:
        head = receive_pack.request_head(updates, advert.capabilities)
        wants = frozenset(update.new for update in updates if not update.deletes)
        if not wants:
            return _Body(head, None)
        haves = frozenset(oid for _, oid in advert.refs)
        return _Body(head, self._archive.pack(coordinate, wants, haves))

    def _locate(self, server: str, coordinate: Coordinate) -> tuple[str, dict[str, str], str]:
        """For git's own fetches: the address that the egress policy checked, and nothing else."""
        parts = urlsplit(server)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._egress.addresses(parts.hostname or "", port)[0]
        if parts.scheme == "http" and not self._egress.allows_plain(server):
            raise Failure(Fault(FaultKind.EGRESS, "http:// is spoken to listed networks only"))
        pinned = {"http.curloptResolve": f"{parts.hostname}:{port}:{address}"}
        url = urls.clone(server, coordinate.owner, coordinate.identifier)
        return url, pinned, parts.scheme


class _Body:
    """Commands, then a pack from a file; its length is known, so proxies need no chunking."""

    def __init__(self, head: bytes, pack: Path | None) -> None:
        self._head = head
        self._pack = pack

    def __len__(self) -> int:
        return len(self._head) + (self._pack.stat().st_size if self._pack else 0)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        if self._pack:
            with self._pack.open("rb") as file:
                while chunk := file.read(256 * 1024):
                    yield chunk


def _still_needed(updates: tuple[RefUpdate, ...], refs: dict[str, str]) -> tuple[RefUpdate, ...]:
    """Compare and swap: each ref must be at `old`; one that is at `new` already is left out.

    Raises:
        Stale: a ref is at neither; the message names it, with what was expected and found.
    """
    left = []
    for update in updates:
        now = refs.get(update.name, advertisement.ZERO)
        if now == update.new:
            continue
        if now != update.old:
            raise Stale(f"{update.name}: expected {update.old[:12]}, found {now[:12]}")
        left.append(update)
    return tuple(left)


def _is_absent(error: BaseException) -> bool:
    return isinstance(error, Failure) and error.fault == Fault(FaultKind.HTTP, "404")
