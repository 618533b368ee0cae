"""A server on trial, and the few things that every probe does with it over the wire.

Servers are reused by many probes; each probe has people and identifiers of its own, so that none
sees another's. What a probe needs beside the wire (the server's files, its clock, a second server)
only a stage with an inside view has; on anybody's server it raises NeedsInside.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

from reconciler.conformance.clock import Clock
from reconciler.conformance.exchange import Answer, exchange
from reconciler.conformance.people import NOW, Person, Place
from reconciler.conformance.relay import Relay
from reconciler.conformance.work import Work, git
from reconciler.errors import PeerFault
from reconciler.git import advertisement, receive_pack
from reconciler.git.advertisement import RECEIVE, UPLOAD, Advertisement
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event

MAIN, DEV, TAG = "refs/heads/main", "refs/heads/dev", "refs/tags/v1"
ZERO = "0" * 40
NUMBERS = itertools.count()
_CAPABILITIES = frozenset({"report-status", "side-band-64k", "delete-refs"})


@dataclass(frozen=True)
class Pushed:
    """How a push ended: HTTP status, whether git did it (None: no report), and the words."""

    status: int
    done: bool | None
    text: str = ""


@dataclass
class Trunk:
    """A history that all probes share: three commits in a row, and one beside them."""

    work: Work
    commits: tuple[str, ...] = ()
    stray: str = ""
    _packs: dict[frozenset[str], bytes] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path) -> Trunk:
        """A fresh one; equal in every process."""
        git("init", "-q", "--bare", folder)
        work = Work(folder)
        one = work.commit("one")
        two = work.commit("two", one)
        three = work.commit("three", two)
        return cls(work, (one, two, three), work.commit("stray"))

    def pack(self, oids: frozenset[str]) -> bytes:
        """Everything that these reach, as one pack."""
        if oids not in self._packs:
            self._packs[oids] = self.work.pack(*oids)
        return self._packs[oids]


class NeedsInside(Exception):
    """The probe needs what only the server's operator has; the text names it."""


class SetUpRefused(AssertionError):
    """What must precede the question itself was refused; the text has the server's words."""


@dataclass
class Stage:
    """A running server, judged as one of a family."""

    family: str
    folder: Path
    trunk: Trunk
    server: Place
    clock: Clock = field(default_factory=Clock)
    name: str = "widget"
    _relay: Relay | None = field(default=None, init=False, repr=False)

    def begin(self) -> None:
        """Before each probe: an identifier of its own, because repositories of one identifier share
        objects and states."""
        self.name = f"widget-{next(NUMBERS)}"

    def stop(self) -> None:
        """Close the connection."""
        self._hang_up()

    def _hang_up(self) -> None:
        if self._relay:
            self._relay.socket.close()
            self._relay = None

    @property
    def relay(self) -> Relay:
        """The connection that events are published on."""
        if self._relay is None:
            self._relay = self.connect()
        return self._relay

    def connect(self) -> Relay:
        """A connection of its own."""
        return Relay(self.server.relay_url)

    # --- what only the inside view has ---

    @property
    def preset(self) -> Any:
        """The family's switches as the sandbox has them."""
        raise NeedsInside("its switches")

    def other(self, *, rate_limits: bool = True, **options: Any) -> Any:
        """A second server of the family: with its real budgets, or with other options. A `family`
        is the family's with smaller numbers."""
        raise NeedsInside("a second server")

    def archive(self, **options: Any) -> Any:
        """A second server that is an archive (GRASP-05), without budgets."""
        raise NeedsInside("a second server, as an archive")

    def again(self) -> Any:
        """The same server on its old folder, after it was stopped."""
        raise NeedsInside("to start it again")

    def files(self, owner: Person) -> Path:
        """Where the server keeps this probe's repository."""
        raise NeedsInside("its files")

    def seed(self, event: Event) -> None:
        """Put an event into its database, past all policies."""
        raise NeedsInside("its database")

    # --- people and events ---

    def person(self) -> Person:
        """Somebody whom no other probe knows."""
        return Person(f"person {next(NUMBERS)}")

    def later(self, seconds: float) -> None:
        """Let time pass, and the server notice."""
        self.clock.advance(seconds)
        self.status(Person("nobody"))

    def settle(self) -> None:
        """Let those finish who go on working after their OK."""
        self.clock.advance(1)

    def publish(self, *events: Event) -> list[tuple[bool, str]]:
        """The OKs. The server may have ended a connection that nobody read for long."""
        try:
            return [self.relay.publish(event) for event in events]
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            self._hang_up()
            return [self.relay.publish(event) for event in events]

    def accepts(self, *events: Event) -> list[bool]:
        """Only whether they were accepted."""
        return [accepted for accepted, _ in self.publish(*events)]

    def serves(self, event: Event) -> bool:
        """Does the relay answer a question for it?"""
        return bool(self.ask(ids=[event.id]))

    def ask(self, **conditions: Any) -> list[Event]:
        """A question with one filter, on a fresh connection."""
        with self.connect() as relay:
            return relay.query(conditions)

    def announce(self, owner: Person, name: str = "", *maintainers: Person) -> Event:
        """Announce on this server, and wait until slow families have made the repository."""
        event = owner.announce(self.server, name or self.name, *maintainers)
        self._must_take(event)
        self.made(owner, name)
        return event

    def answer(self, invited: Person, inviter: Person) -> None:
        """The invited one names the other back, for families that ask for it. It hosts nothing."""
        tags = ("d", self.name), ("maintainers", inviter.pubkey)
        self.publish(invited.sign(kinds.ANNOUNCEMENT, *tags))

    def about(self, owner: Person, name: str = "") -> tuple[str, str]:
        """The `a` tag of a repository."""
        return ("a", f"{kinds.ANNOUNCEMENT}:{owner.pubkey}:{name or self.name}")

    def host(
        self,
        owner: Person,
        refs: Mapping[str, str] | None = None,
        name: str = "",
        *maintainers: Person,
        at: int = NOW,
    ) -> Event:
        """Announce, declare and push; everything is served afterwards. The state."""
        refs = refs or {MAIN: self.trunk.commits[0]}
        self.announce(owner, name, *maintainers)
        return self.advance(owner, refs, name, at=at)

    def advance(
        self, owner: Person, refs: Mapping[str, str], name: str = "", *, at: int = NOW + 1
    ) -> Event:
        """A state and the push that fulfils it."""
        state = owner.state(name or self.name, dict(refs), at=at)
        self._must_take(state)
        pushed = self.push(owner, refs, name)
        if pushed.done is False or pushed.status != 200:
            raise SetUpRefused(f"the push of a declared state: {pushed.status} {pushed.text}")
        self.settled(owner, name, state)
        return state

    def made(self, owner: Person, name: str) -> None:
        """Let the slow families make the repository that was announced."""
        self.clock.advance(1)

    def settled(self, owner: Person, name: str, state: Event) -> None:
        """Let the slow families serve what was pushed."""
        self.clock.advance(31)

    def _must_take(self, event: Event) -> None:
        accepted, words = self.publish(event)[0]
        if not accepted:
            raise SetUpRefused(f"an event of kind {event.kind}: {words}")

    # --- git ---

    def url(self, owner: Person, name: str = "") -> str:
        """The clone URL."""
        return urls.clone(self.server.url, owner.pubkey, name or self.name)

    def request(self, method: str, path: str, **more: Any) -> Answer:
        """One exchange; a path alone is the server's."""
        return exchange(method, path if "://" in path else self.server.url + path, **more)

    def get(self, path: str, **headers: str) -> Answer:
        """A plain GET."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, **more: Any) -> Answer:
        """A plain POST."""
        return self.request("POST", path, **more)

    def info(self, **headers: str) -> Answer:
        """The NIP-11 document."""
        return self.get("/", **{"Accept": "application/nostr+json"} | headers)

    def status(self, owner: Person, name: str = "") -> int:
        """The HTTP status of its listing."""
        return self.get(f"{self.url(owner, name)}/info/refs?service={UPLOAD}").status_code

    def listing(self, owner: Person, name: str = "", service: str = UPLOAD) -> Advertisement | None:
        """What info/refs says; None when there is none."""
        answer = self.get(f"{self.url(owner, name)}/info/refs?service={service}")
        if answer.status_code != 200:
            return None
        return advertisement.parse(answer.content, service)

    def refs(self, owner: Person, name: str = "") -> dict[str, str]:
        """Its refs by name."""
        found = self.listing(owner, name)
        return dict(found.refs) if found else {}

    def push(
        self,
        owner: Person,
        refs: Mapping[str, str],
        name: str = "",
        *,
        old: Mapping[str, str] | None = None,
        capabilities: frozenset[str] | None = None,
        headers: Mapping[str, str] | None = None,
        pack: bytes | None = None,
    ) -> Pushed:
        """Push these refs (ZERO deletes), in one request, with what the server has as `old`."""
        found = self.listing(owner, name, RECEIVE)
        have = dict(found.refs) if found else {}
        offered = found.capabilities if found else frozenset()
        updates = tuple(
            RefUpdate(ref, (old or have).get(ref, ZERO), oid) for ref, oid in refs.items()
        )
        wants = frozenset(u.new for u in updates if not u.deletes)
        wanted = _CAPABILITIES & offered if capabilities is None else capabilities
        body = receive_pack.request_head(updates, wanted)
        if pack is None:
            pack = self.trunk.pack(wants) if wants else b""
        where = f"{self.url(owner, name)}/{RECEIVE}"
        kind = {"Content-Type": f"application/x-{RECEIVE}-request"}
        answer = self.post(where, data=body + pack, headers=kind | dict(headers or {}))
        return _read(answer)

    def pushes(self, owner: Person, refs: Mapping[str, str], name: str = "") -> bool:
        """Did the refs arrive? The listing decides, and not the answer."""
        self.push(owner, refs, name)
        have = self.refs(owner, name)
        return all(have.get(ref, ZERO) == oid for ref, oid in refs.items())


def _read(answer: Answer) -> Pushed:
    if answer.status_code != 200:
        return Pushed(answer.status_code, False, answer.text)
    try:
        report = receive_pack.parse_report(answer.content)
    except PeerFault as fault:
        return Pushed(200, False, str(fault))
    if report.unpack is None:
        return Pushed(200, None, report.chatter)
    why = "; ".join(sorted({reason for _, reason in report.refused}))
    text = "; ".join(filter(None, (why, report.chatter)))
    return Pushed(200, not report.refused, text)
