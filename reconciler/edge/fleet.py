"""The real world behind `world.World`: servers over HTTP and WebSocket, the archive, the clock."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock

from reconciler.edge import seen, signed
from reconciler.edge.advertised import Advertised, grasp
from reconciler.edge.allowance import Allowances
from reconciler.edge.archive import Archive
from reconciler.edge.child import Git, find_git, git_version, known_holes
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.fetch import Uploads
from reconciler.edge.files import Busy, locked
from reconciler.edge.http import Http
from reconciler.edge.imports import Imports
from reconciler.edge.line import RelayLine
from reconciler.edge.mailbox import Mailbox
from reconciler.edge.memory import MemoryFile
from reconciler.edge.relay import RelayClient
from reconciler.edge.smart import SmartHttp
from reconciler.edge.throttle import Limiter
from reconciler.errors import PeerFault, UserFault
from reconciler.git.receive_pack import RefUpdate
from reconciler.limits import NIP11_BYTES, READ_SECONDS
from reconciler.model.desired import Desired, Throttle
from reconciler.model.observed import (
    Absent,
    Ancestry,
    BadSource,
    Cause,
    Listing,
    Memory,
    Seen,
    Unknown,
)
from reconciler.nostr import nip11, urls
from reconciler.nostr.event import Draft, Event
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.plumbing.child import Children
from reconciler.world import Failure, Pushed, Relay


class Fleet:
    """The outside of one run. Use as a context manager; it closes what it opened."""

    def __init__(
        self,
        desired: Desired,
        state: Path,
        clock: Clock | None = None,
        asked: Callable[[], tuple[Draft, ...]] = tuple,
    ) -> None:
        """Args: the desired state, the folder that holds the archive, the run's clock, and what was
        asked of remote signers."""
        networks = tuple(ipaddress.ip_network(n) for n in desired.policies.allow_private)
        self._clock = clock or Clock()
        self._egress = Egress(networks)
        self._allowances = Allowances(self._clock)
        self._http = Http(self._egress, self._clock, self._allowances)
        self._throttles = {server.url: server.throttle for server in desired.servers}
        self._limiters: dict[str, Limiter] = {}
        self._held = ExitStack()
        self._relays: dict[str, RelayClient | Failure] = {}
        self._caps: dict[str, int | None] = {}
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._state = state
        self._writes = Lock()
        self._holds_lock = False
        self._memory = MemoryFile(state / "memory.sqlite3")
        self._seen = state / "seen.json"
        self._signed = state / "signed.json"
        self._asked = asked
        self._children = Children()
        git = Git(state / "home", find_git(), self._children)
        self.warning = known_holes(git_version(git.program))
        self._sources = frozenset(source.url for _, source in desired.sources)
        advertised = Advertised(self._http, self._address)
        imports = Imports(git, Uploads(self._http, advertised), charge=self._fetching)
        self._archive = Archive(state / "archive", git, imports)
        self._git = SmartHttp(self._http, advertised, self._archive, self._clock)

    def __enter__(self) -> Fleet:
        self._held.enter_context(self._clock.stop.under_way(self._children.kill))
        return self

    def __exit__(self, *_: object) -> None:
        with self._held as stack:
            for relay in self._relays.values():
                if isinstance(relay, RelayClient):
                    stack.callback(relay.close)
            stack.callback(self._http.close)
            stack.callback(self._archive.close)

    def now(self) -> int:
        """Seconds since 1970."""
        return self._clock.unix()

    def seconds(self) -> float:
        """A clock for durations."""
        return self._clock.now()

    def left(self) -> float:
        """Seconds until this run should end."""
        return self._clock.ends - self._clock.now()

    def obey(self, server: str, most: int, seconds: float, *, lasting: bool) -> None:
        """A limit of the server's family."""
        self._limiter(server).obey(most, seconds, lasting=lasting)

    def afford(self, server: str, events: int, *, least: int = 1) -> int:
        """Wait for the server's limits. Raises NotNow, Failure."""
        return self._limiter(server).afford(events, least)

    def limited(self, server: str) -> int:
        """The server's budget is used up."""
        return self._limiter(server).limited()

    def skew(self, server: str) -> float | None:
        """Seconds that our clock is ahead of a server's, by its `Date` headers; None: not told."""
        return self._http.skew(server)

    def settle(self, seconds: float) -> None:
        """Sleep; a stop ends it."""
        with suppress(Failure):
            self._clock.until(self._clock.now() + seconds)

    def recall(self) -> Memory:
        """The memory of earlier runs; empty when it is lost or damaged."""
        return self._memory.load(self.now())

    def remember(self, memory: Memory) -> None:
        """Write the memory down."""
        self._memory.save(memory)

    def seen(self) -> tuple[Seen, ...]:
        """What earlier runs saw; empty when it is lost or damaged."""
        return seen.load(self._seen)

    def note(self, marks: Sequence[Seen]) -> None:
        """Write down what this run saw."""
        seen.save(self._seen, marks)

    def requested(self) -> tuple[Draft, ...]:
        """What remote signers were asked to sign and have not answered."""
        return self._asked()

    def mailbox(self, relays: Sequence[str]) -> Mailbox:
        """Where a remote signer is talked to, under the policy of this run."""
        return Mailbox(relays, self._egress, self._clock, self._allowances)

    def unserved(self) -> tuple[Event, ...]:
        """What was signed here and no server showed yet."""
        return signed.load(self._signed, self.now())

    def store(self, events: Sequence[Event]) -> None:
        """Write that memory down."""
        signed.save(self._signed, events)

    def repair(self) -> None:
        """Clear what a killed run left in the archive; the caller holds the run lock."""
        self._holds_lock = True
        self._archive.repair()

    def info(self, server: str) -> RelayInfo:
        """NIP-11: GET the relay's URL with its own Accept header. Raises Failure."""
        with self._allowances.of(server).reading(), self._limiter(server).request():
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
            if server not in self._relays:
                try:
                    self._relays[server] = self._dial(server)
                except Failure as failure:
                    self._relays[server] = failure
            found = self._relays[server]
        if isinstance(found, Failure):
            raise found
        return found

    def refs(self, server: str, coordinate: Coordinate) -> Listing | Absent:
        """One GET of info/refs, protocol v0 (GRASP-01, gitprotocol-http). Raises Failure."""
        with self._allowances.of(server).reading(), self._limiter(server).request():
            return self._git.refs(server, coordinate)

    def archived(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """What the archive holds."""
        return self._archive.holds(coordinate, oids)

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[BadSource, ...]:
        """Fetch objects into the archive. Raises Failure."""
        with self._writing():
            return self._archive.gather(coordinate, oids, sources)

    def keep(self, coordinate: Coordinate, oid: str, sources: tuple[str, ...]) -> None:
        """Fetch an object into the archive, for good. Raises Failure."""
        with self._writing():
            self._archive.keep(coordinate, oid, sources)

    def ancestry(
        self, coordinate: Coordinate, pairs: tuple[tuple[str, str], ...]
    ) -> tuple[Ancestry, ...]:
        """What the archive knows of these moves."""
        return self._archive.ancestry(coordinate, pairs)

    def root(self, coordinate: Coordinate, oid: str) -> str | None:
        """The first commit of the main line that leads to this one."""
        return self._archive.root(coordinate, oid)

    def try_clone(self, server: str, coordinate: Coordinate, oids: frozenset[str]) -> None:
        """What a clone of these objects from this server comes to. Raises Failure."""
        with self._writing():
            self._archive.try_clone(coordinate, oids, server)

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Pushed:
        """One conditional push (`world.World.push`). Raises Failure, Stale."""
        with self._allowances.of(server).working(), self._limiter(server).transfer():
            return self._git.push(server, coordinate, updates)

    def _limiter(self, server: str) -> Limiter:
        """The throttle of a server; the default manners for a relay that has none."""
        with self._locks[""]:
            if server not in self._limiters:
                throttle = self._throttles.get(server, Throttle())
                account = self._memory.account(server)
                self._limiters[server] = Limiter(throttle, self._clock, account)
            return self._limiters[server]

    def _dial(self, server: str) -> RelayClient:
        allowance = self._allowances.of(server)
        line = RelayLine(urls.relay(server), self._egress, self._clock, allowance)
        return RelayClient(line, allowance, cap=self._caps.get(server))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The run lock, for as long as something is brought into the archive: a run that only plans
        does not hold it, and takes it where nobody else does. Raises Failure."""
        if self._holds_lock:
            yield
            return
        if not self._state.is_dir():
            raise Failure(Unknown(Cause.SKIPPED, "there is no state folder to fetch into"))
        try:
            with self._writes, locked(self._state):
                yield
        except (Busy, UserFault, OSError) as error:
            raise Failure(Unknown(Cause.SKIPPED, f"the archive is not ours now: {error}")) from None

    @contextmanager
    def _fetching(self, server: str) -> Iterator[Callable[[int], None]]:
        allowance = self._allowances.of(server)
        with allowance.working():
            allowance.left()
            yield allowance.spend_disk

    def _address(self, server: str, coordinate: Coordinate) -> str:
        """A source is one repository, whose URL is whole."""
        return server if server in self._sources else grasp(server, coordinate)
