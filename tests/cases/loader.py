"""Reads planner cases (README.md says how they are written) and says plans in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Action, Publish, Push, Sign
from reconciler.model.desired import Desired, Npub, Policies, Rule, Server
from reconciler.model.observed import Absent, Cause, Observed, Refs, ServerView, Unknown
from reconciler.model.plan import Hold, Plan
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from tests.kit.people import EPOCH, PEOPLE, url
from tests.kit.values import DIGEST, observed, oid, refs, view

FOLDER = Path(__file__).parent
_OTHER_TAGS = ("a", "A", "e", "E", "q", "c")


@dataclass(frozen=True)
class Expected:
    """The plan in words; what is not written must not be there."""

    plan: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)
    discovered: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PlanCase:
    """One case, as it stands in its file."""

    servers: dict[str, str]
    events: dict[str, dict[str, Any]]
    world: dict[str, Any]
    expect: dict[str, Any]
    scenarios: list[int] = field(default_factory=list)
    """Numbers in docs/protocol.md §9."""
    npubs: dict[str, dict[str, Any]] = field(default_factory=lambda: {"alice": {}})
    index: list[str] = field(default_factory=list)
    policies: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    archived: dict[str, list[int]] = field(default_factory=dict)
    now: int = 1000
    delegate: bool = False
    """May servers be left to work by themselves?"""

    def expected(self) -> Expected:
        return Expected(**self.expect)

    def desired(self) -> Desired:
        owners = (
            Npub(pubkey=PEOPLE[name].pubkey, name=name, **given)
            for name, given in self.npubs.items()
        )
        rules = (_rule(name, given) for name, given in self.rules.items())
        return Desired(
            digest=DIGEST,
            servers=tuple(Server(url(server), delegates=self.delegate) for server in self.servers),
            npubs=tuple(owners),
            index_relays=tuple(map(url, self.index)),
            rules=tuple(rules),
            policies=Policies(**self.policies),
        )

    def repositories(self) -> set[str]:
        """Those of the npubs: `alice/widget`."""
        named = {given.get("announcement", "") for given in self.events.values()}
        return {name for name in named if name.partition("/")[0] in self.npubs}

    def signed(self) -> dict[str, Event]:
        """The events by their names in the case; later ones may name earlier ones."""
        found: dict[str, Event] = {}
        for name, given in self.events.items():
            found[name] = _event(dict(given), found)
        return found

    def observed(self, events: Mapping[str, Event]) -> Observed:
        assert self.world.keys() == {*self.servers, *self.index}
        views = tuple(self._view(server, events) for server in (*self.servers, *self.index))
        served = {i for v in views for i in v.served}
        seen = [event for event in events.values() if event.id in served]
        rows = {
            coordinate(name): frozenset(map(oid, numbers))
            for name, numbers in self.archived.items()
        }
        return observed(seen, *views, now=self.now, archived=rows)

    def _view(self, server: str, events: Mapping[str, Event]) -> ServerView:
        given = self.world[server]
        if given == "down":
            return view(server, grasp=server in self.servers, down=True)
        down = given.get("relay") == "down"
        serves = list(events) if given.get("serves") == "all" else given.get("serves", [])
        own = {name: cell for name, cell in given.items() if "/" in name}
        assert given.keys() <= {"relay", "serves", "refs", "given", *own}, given
        rows = own or ({"alice/widget": given["refs"]} if "refs" in given else {})
        times = {
            coordinate(name): (EPOCH + since, EPOCH + until)
            for name, (since, until) in given.get("given", {}).items()
        }
        found = view(
            server,
            [events[name] for name in serves],
            {coordinate(name): _cell(cell, events) for name, cell in rows.items()},
            software=self.servers.get(server, "relay"),
            grasp=server in self.servers,
            down=down,
        )
        return replace(found, delegated=tuple(sorted(times.items())))


def cases() -> dict[str, PlanCase]:
    """All cases by "file: title"."""
    found = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        for title, raw in yaml.load(file.read_text("utf-8"), yaml.CSafeLoader).items():
            found[f"{file.stem}: {title}"] = PlanCase(**raw)
    return found


def coordinate(name: str) -> Coordinate:
    """`alice/widget` as a coordinate."""
    owner, _, identifier = name.partition("/")
    return PEOPLE[owner].coordinate(identifier)


# --- from words to events ----------------------------------------------------------------------


def _event(given: dict[str, Any], known: Mapping[str, Event]) -> Event:
    at, tags = given.pop("at", 0), [tuple(tag) for tag in given.pop("tags", [])]
    if name := given.pop("announcement", None):
        maintainers = [PEOPLE[m] for m in given.pop("maintainers", [])]
        servers = given.pop("servers", [])
        owner, identifier = name.split("/")
        pubkey = PEOPLE[owner].pubkey
        tags += [
            ("clone", urls.clone(url(server), pubkey, identifier))
            for server in given.pop("clone_only", [])
        ]
        assert not given, given
        return PEOPLE[owner].announce(
            identifier, servers, maintainers=maintainers, extra=tags, at=at
        )
    if name := given.pop("state", None):
        author = PEOPLE[given.pop("by", name.split("/")[0])]
        names = {full(n): oid(number) for n, number in given.pop("refs", {}).items()}
        head = full(given.pop("head", "main"))
        assert not given, given
        return author.state(name.split("/")[1], names, head=head, extra=tags, at=at)
    author, kind = PEOPLE[given.pop("by")], given.pop("kind")
    tags += [
        (letter, _target(letter, value, known))
        for letter in _OTHER_TAGS
        for value in _many(given.pop(letter, []))
    ]
    assert not given, given
    return author.sign(kind, *tags, at=at)


def _many(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _target(letter: str, value: Any, known: Mapping[str, Event]) -> str:
    """An event or a repository of this case, a commit's number, or the text itself."""
    if letter == "c":
        return oid(value)
    if value in known:
        return known[value].id
    if "state " in value:
        named = coordinate(value.removeprefix("state "))
        return f"{kinds.STATE}:{named.owner}:{named.identifier}"
    return str(coordinate(value)) if "/" in value else str(value)


def _cell(given: Any, events: Mapping[str, Event]) -> Refs:
    if given == "absent":
        return Absent()
    if given == "unknown":
        return Unknown(Cause.HTTP, "status 500")
    names = {full(n, events): oid(number) for n, number in given.items() if n != "HEAD"}
    head = full(given.get("HEAD", "main"))
    return refs(names, head if head in names else None)


def full(name: str, events: Mapping[str, Event] | None = None) -> str:
    """`main`, `tags/v1` and `nostr/pr` as full ref names."""
    if name.startswith("nostr/"):
        return f"refs/nostr/{(events or {})[name.removeprefix('nostr/')].id}"
    other = ("tags/", "replace/", "notes/", "pull/")
    return f"refs/{name}" if name.startswith(other) else f"refs/heads/{name}"


def _rule(name: str, given: Mapping[str, list[str]]) -> Rule:
    allow = tuple(map(url, given["allow"])) if "allow" in given else None
    return Rule(name, allow, tuple(map(url, given.get("block", []))))


# --- from plans to words -----------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """Says a plan as cases do. Repositories are named only where there are several."""

    events: Mapping[str, Event]
    several: bool

    def of(self, plan: Plan) -> Expected:
        return Expected(
            [self._action(action) for action in plan.actions],
            [self._hold(hold) for hold in plan.holds],
            {self._place(c.coordinate, c.server): str(c.verdict) for c in plan.cells},
            [_short(server) for server in plan.discovered],
            [self._action(action) for action in plan.actions if action.key in plan.left],
        )

    def _action(self, action: Action) -> str:
        if isinstance(action, Sign):
            added = " ".join(map(_short, action.adds))
            return f"sign {_name(action.coordinate)} adding {added}"
        if isinstance(action, Publish):
            return self._publish(action)
        return self._push(action)

    def _publish(self, action: Publish) -> str:
        signed = (
            f"new {_name(action.coordinate)}" if action.signed else self._event(action.event_id)
        )
        over = f" over {self._event(action.before)}" if action.before else ""
        aligns = f", then it aligns {self._refs(action.aligns)}" if action.aligns else ""
        return f"send {signed} to {_short(action.server)}{over}{aligns}"

    def _push(self, action: Push) -> str:
        sources = " ".join(map(_short, action.sources)) or "archive"
        place = self._place(action.coordinate, action.server)
        if action.head:
            old, new = (b.removeprefix("refs/heads/") for b in (action.head.old, action.head.new))
            return f"empty push to {place}: HEAD {old}→{new}"
        return f"push to {place}: {self._refs(action.updates)} (from {sources})"

    def _hold(self, hold: Hold) -> str:
        place = _short(hold.server) if hold.server else "everywhere"
        name = f"{_name(hold.coordinate)} " if self.several else ""
        return f"{name}{place}: {hold.reason}"

    def _place(self, repository: Coordinate, server: str) -> str:
        return f"{_name(repository)} on {_short(server)}" if self.several else _short(server)

    def _refs(self, updates: Iterable[RefUpdate]) -> str:
        return ", ".join(map(self._update, updates))

    def _update(self, update: RefUpdate) -> str:
        name = self._ref(update.name)
        if update.creates:
            return f"+{name} {update.new[0]}"
        if update.deletes:
            return f"-{name} {update.old[0]}"
        return f"{name} {update.old[0]}→{update.new[0]}"

    def _ref(self, name: str) -> str:
        if name.startswith("refs/nostr/"):
            return f"nostr/{self._event(name.removeprefix('refs/nostr/'))}"
        return name.removeprefix("refs/heads/").removeprefix("refs/")

    def _event(self, event_id: str) -> str:
        return next(name for name, event in self.events.items() if event.id == event_id)


def _short(server: str) -> str:
    return urls.host(server).removesuffix(".example")


def _name(found: Coordinate) -> str:
    owner = next(p.name for p in PEOPLE.values() if p.pubkey == found.owner)
    return f"{owner}/{found.identifier}"
