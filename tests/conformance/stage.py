"""One server of a family, and the few things that every probe does with it.

Servers are reused by many probes; each probe has people and identifiers of its own, so that none
sees another's. The clock may only go forward.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import requests
import websocket

from reconciler.errors import PeerFault
from reconciler.git import advertisement, receive_pack
from reconciler.git.advertisement import RECEIVE, UPLOAD, Advertisement
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.family.rules import Family
from reconciler.sandbox.policy.archive import Archive
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.sandbox.kit import NOW, Clock, Person, Relay, Work, git

MAIN, DEV, TAG = "refs/heads/main", "refs/heads/dev", "refs/tags/v1"
ZERO = "0" * 40
_NUMBERS = count()
_CAPABILITIES = frozenset({"report-status", "side-band-64k", "delete-refs"})
_SECONDS = 10


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
            done = subprocess.run(
                ["git", "pack-objects", "--quiet", "--revs", "--stdout"],
                cwd=self.work.path,
                input="\n".join(sorted(oids)).encode(),
                capture_output=True,
                check=True,
            )
            self._packs[oids] = done.stdout
        return self._packs[oids]


@dataclass
class Stage:
    """A running server of one family."""

    dialect: str
    folder: Path
    trunk: Trunk
    clock: Clock = field(default_factory=Clock)
    server: RunningServer = field(init=False)
    relay: Relay = field(init=False)
    name: str = "widget"

    def __post_init__(self) -> None:
        self.server = self._start(Archive(), rate_limits=False)
        self.relay = Relay(self.server.relay_url)

    def begin(self) -> None:
        """Before each probe: an identifier of its own, because repositories of one identifier share
        objects and states."""
        self.name = f"widget-{next(_NUMBERS)}"

    def stop(self) -> None:
        """End it."""
        self.relay.socket.close()
        self.server.kill()

    @property
    def preset(self) -> Family:
        """The family's switches."""
        return PRESETS[self.dialect]

    def other(self, archive: Archive | None = None, **options: Any) -> Stage:
        """A second server of the family: with its real budgets, as an archive, or with other
        options. A `dialect` is the family's with smaller numbers."""
        found = Stage.__new__(Stage)
        found.dialect, found.folder, found.trunk = self.dialect, self.folder, self.trunk
        found.name = self.name
        found.clock = Clock(self.clock.offset)
        found.server = found._start(archive or Archive(), rate_limits=archive is None, **options)
        found.relay = Relay(found.server.relay_url)
        return found

    def again(self) -> Stage:
        """The same server on its old folder, after it was stopped."""
        found = Stage.__new__(Stage)
        found.dialect, found.folder, found.trunk = self.dialect, self.folder, self.trunk
        found.name = self.name
        found.clock = self.clock
        found.server = start(self.server.spec, clock=self.clock)
        found.relay = Relay(found.server.relay_url)
        return found

    def _start(self, archive: Archive, *, rate_limits: bool, **options: Any) -> RunningServer:
        name = f"{self.dialect}-{next(_NUMBERS)}"
        options = {"dialect": self.dialect, "archive": archive, **options}
        spec = ServerSpec(name, self.folder / name, rate_limits=rate_limits, **options)
        return start(spec, clock=self.clock)

    # --- people and events ---

    def person(self) -> Person:
        """Somebody whom no other probe knows."""
        return Person(f"person {next(_NUMBERS)}")

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
            self.relay = Relay(self.server.relay_url)
            return [self.relay.publish(event) for event in events]

    def accepts(self, *events: Event) -> list[bool]:
        """Only whether they were accepted."""
        return [accepted for accepted, _ in self.publish(*events)]

    def serves(self, event: Event) -> bool:
        """Does the relay answer a question for it?"""
        return bool(self.ask(ids=[event.id]))

    def ask(self, **conditions: Any) -> list[Event]:
        """A question with one filter, on a fresh connection."""
        with Relay(self.server.relay_url) as relay:
            return relay.query(conditions)

    def announce(self, owner: Person, name: str = "", *maintainers: Person) -> Event:
        """Announce on this server, and wait until slow families have made the repository."""
        event = owner.announce(self.server, name or self.name, *maintainers)
        assert self.publish(event)[0][0], "announced"
        self.clock.advance(1)
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
        assert self.publish(state)[0][0], "declared"
        pushed = self.push(owner, refs, name)
        assert pushed.done is not False, pushed
        assert pushed.status == 200, pushed
        self.clock.advance(31)
        return state

    # --- git ---

    def url(self, owner: Person, name: str = "") -> str:
        """The clone URL."""
        return urls.clone(self.server.url, owner.pubkey, name or self.name)

    def get(self, path: str, **headers: str) -> requests.Response:
        """A plain GET."""
        where = path if path.startswith("http") else self.server.url + path
        return requests.get(where, headers=headers, timeout=_SECONDS)

    def info(self, **headers: str) -> requests.Response:
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
        answer = requests.post(
            f"{self.url(owner, name)}/{RECEIVE}",
            data=body + pack,
            headers={"Content-Type": f"application/x-{RECEIVE}-request", **(headers or {})},
            timeout=_SECONDS,
        )
        return _read(answer)

    def pushes(self, owner: Person, refs: Mapping[str, str], name: str = "") -> bool:
        """Did the refs arrive? The listing decides, and not the answer."""
        self.push(owner, refs, name)
        have = self.refs(owner, name)
        return all(have.get(ref, ZERO) == oid for ref, oid in refs.items())


def _read(answer: requests.Response) -> Pushed:
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
