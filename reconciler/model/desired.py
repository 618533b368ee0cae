"""What the operator wants: `desired-state.yaml`, read and checked. No secret ever stands here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from reconciler.model.plan import HoldReason
from reconciler.nostr import kinds, urls
from reconciler.nostr.nip34 import Coordinate


@dataclass(frozen=True, slots=True)
class Throttle:
    """What one server is asked to bear. `concurrency` counts requests at the same time;
    `per_minute` git fetches and pushes, `events_per_minute` publications, both with that burst.
    `family_limits`: what its family lets through counts, too; its operator may have set it free.
    """

    concurrency: int = 5
    per_minute: int = 30
    events_per_minute: int = 60
    family_limits: bool = True


@dataclass(frozen=True, slots=True)
class Pause:
    """A server is observed and not written to, for a reason, until `until` (seconds since 1970)."""

    reason: str
    until: int


@dataclass(frozen=True, slots=True)
class Server:
    """One GRASP server. `url` is canonical (`nostr.urls`)."""

    url: str
    groups: tuple[str, ...] = ()
    throttle: Throttle = Throttle()
    pause: Pause | None = None
    delegates: bool = True
    """May it be left to get by itself what its family does?"""

    def paused(self, now: int) -> bool:
        """May nothing be written to it at `now`, in seconds since 1970?"""
        return self.pause is not None and now < self.pause.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Npub:
    """One owner. `signer` names a key that stands outside this file; None: never sign for them.

    A repository is wanted when its identifier matches `include` and not `exclude` (globs). `allow`
    and `block` say on which servers the owner's repositories may be, like those of a rule.
    """

    pubkey: str
    name: str
    signer: str | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()

    def wants(self, identifier: str) -> bool:
        """Does the selection take this repository?"""
        return _any(self.include, identifier) and not _any(self.exclude, identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a repository comes from: a git host that the operator trusts.

    `url` is canonical (`nostr.urls.source`). With `adopt` states are signed from what it lists,
    else it only serves objects. `rewrites` are tips that may take the place of what they do not
    contain, or that may go although nothing contains them; None: any. `name`, `description` and
    `web` are for the first announcement.
    """

    url: str
    adopt: bool = False
    rewrites: tuple[str, ...] | None = ()
    name: str = ""
    description: str = ""
    web: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """An override for the repositories whose `<npub name>/<identifier>` is `pattern`, or matches it
    as a glob. `allow` and `block` hold groups and canonical server URLs; `allow=None` allows what
    the owner allows. A `source` stands in the rule of one repository's very name only.
    """

    pattern: str
    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()
    source: Source | None = None

    def fits(self, name: str) -> bool:
        """Is this repository meant?"""
        return name == self.pattern or fnmatchcase(name, self.pattern)


@dataclass(frozen=True, slots=True)
class AcceptedHold:
    """Holds that are normal here: of one reason, and of the repositories whose name (or
    `name@server`, the server by its name or by host and port) matches the glob `where`, until
    `until` (seconds since 1970)."""

    reason: HoldReason
    where: str
    until: int

    def covers(self, reason: HoldReason, name: str, server: Collection[str]) -> bool:
        """Is this hold meant? `server` is everything that the server is called."""
        places = (name, *(f"{name}@{word}" for word in server))
        return reason is self.reason and any(fnmatchcase(p, self.where) for p in places)


@dataclass(frozen=True, slots=True)
class Safety:
    """When a plan needs a person. Percentages of a cell's refs, reached only above the limit;
    cells with fewer than `min_existing` refs are not judged by percentage.
    """

    max_delete_percent: int = 30
    max_update_percent: int = 30
    min_existing: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """How the run behaves. `replicas=None` means all allowed servers."""

    replicas: int | None = None
    announcements: Literal["update", "keep"] = "update"
    pulls: bool = True
    event_kinds: tuple[int, ...] = kinds.MIRRORED
    discover_servers: Literal["ignore", "report"] = "report"
    safety: Safety = Safety()
    allow_private: tuple[str, ...] = ()
    """Networks in CIDR form that may be contacted although they are not public."""
    deep: int = 20
    """A clone is tried of one in so many cells in each run; 0: of none."""
    holds: tuple[AcceptedHold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """One desired state. `digest` is the SHA-256 of the text it was read from."""

    digest: str
    servers: tuple[Server, ...]
    npubs: tuple[Npub, ...]
    index_relays: tuple[str, ...] = ()
    """Canonical web form, like server URLs; `urls.relay` gives the address to dial."""
    names: tuple[tuple[str, str], ...] = ()
    """What the file calls servers and relays: (canonical URL, name)."""
    rules: tuple[Rule, ...] = ()
    policies: Policies = field(default_factory=Policies)

    def allowed(self, coordinate: Coordinate) -> tuple[Server, ...]:
        """The servers on which this repository may be, in the order of the file.

        A rule's `allow` replaces the owner's; what either of them blocks is blocked.
        """
        owner = self.npub(coordinate.owner)
        if owner is None:
            return self.servers
        rule = self.rule(f"{owner.name}/{coordinate.identifier}")
        allow = owner.allow if rule is None or rule.allow is None else rule.allow
        block = owner.block if rule is None else (*owner.block, *rule.block)
        return tuple(
            server
            for server in self.servers
            if (allow is None or _names(server, allow)) and not _names(server, block)
        )

    @property
    def sources(self) -> tuple[tuple[Coordinate, Source], ...]:
        """Every repository that has a source, with it, sorted by repository."""
        owners = {npub.name: npub.pubkey for npub in self.npubs}
        found = []
        for rule in self.rules:
            owner, _, identifier = rule.pattern.partition("/")
            if rule.source and owner in owners:
                found.append((Coordinate(owners[owner], identifier), rule.source))
        return tuple(sorted(found, key=lambda pair: pair[0]))

    def source(self, coordinate: Coordinate) -> Source | None:
        """The source of one repository."""
        owner = self.npub(coordinate.owner)
        name = f"{owner.name}/{coordinate.identifier}" if owner else ""
        return next((rule.source for rule in self.rules if rule.pattern == name), None)

    def rule(self, name: str) -> Rule | None:
        """The one rule for a repository: that of its very name, else the first glob that matches,
        in the order of the file."""
        exact = (rule for rule in self.rules if rule.pattern == name)
        globs = (rule for rule in self.rules if rule.fits(name))
        return next(exact, None) or next(globs, None)

    def called(self, server: str) -> str:
        """The name of a server or relay: the file's, else its host, port and path."""
        return next((name for url, name in self.names if url == server), urls.host(server))

    def npub(self, pubkey: str) -> Npub | None:
        """The entry of this owner."""
        return next((n for n in self.npubs if n.pubkey == pubkey), None)


def _any(globs: tuple[str, ...], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _names(server: Server, words: tuple[str, ...]) -> bool:
    return server.url in words or not set(server.groups).isdisjoint(words)
