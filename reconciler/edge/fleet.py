"""The real world behind `world.World`: servers over HTTP and WebSocket, the archive, the clock."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from reconciler.edge import submissions
from reconciler.edge.archive import Archive
from reconciler.edge.child import Git, find_git
from reconciler.edge.egress import Egress
from reconciler.edge.http import Http
from reconciler.edge.relay import RelayClient
from reconciler.edge.smart import SmartHttp
from reconciler.edge.throttle import Gate
from reconciler.errors import PeerFault
from reconciler.git.receive_pack import RefUpdate
from reconciler.limits import (
    NIP11_BYTES,
    READ_SECONDS,
    RELAY_IDLE_SECONDS,
)
from reconciler.model.desired import Desired, Throttle
from reconciler.model.observed import Absent, Cause, Listing, Submission, Unknown
from reconciler.nostr import nip11, urls
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure, Pushed, Relay


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
        git = Git(state / "home", find_git())
        self._archive = Archive(state / "archive", git, self._locate, self.refs)
        self._git = SmartHttp(self._http, self._archive)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
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
        return submissions.load(self._memory)

    def remember(self, sent: Sequence[Submission]) -> None:
        """Write the memory down."""
        submissions.save(self._memory, sent)

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
            raise Failure(Unknown(Cause.PROTOCOL, str(error))) from None
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
            return self._git.refs(server, coordinate)

    def archived(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """What the archive holds."""
        return self._archive.holds(coordinate, oids)

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> None:
        """Fetch objects into the archive. Raises Failure."""
        self._archive.gather(coordinate, oids, sources)

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Pushed:
        """One conditional push (`world.World.push`). Raises Failure, Stale."""
        with self._gates[server].transfer():
            return self._git.push(server, coordinate, updates)

    def _locate(self, server: str, coordinate: Coordinate) -> tuple[str, dict[str, str], str]:
        """For git's own fetches: the address that the egress policy checked, and nothing else."""
        parts = urlsplit(server)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._egress.addresses(parts.hostname or "", port)[0]
        if parts.scheme == "http" and not self._egress.allows_plain(server):
            raise Failure(Unknown(Cause.EGRESS, "http:// is spoken to listed networks only"))
        pinned = {"http.curloptResolve": f"{parts.hostname}:{port}:{address}"}
        url = urls.clone(server, coordinate.owner, coordinate.identifier)
        return url, pinned, parts.scheme
