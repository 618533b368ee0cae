"""What the operator wants: `desired-state.yaml`, read and checked. No secret ever stands here."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from reconciler.nostr import kinds, urls
from reconciler.nostr.nip34 import Coordinate


@dataclass(frozen=True, slots=True)
class Throttle:
    """What one server is asked to bear. `concurrency` counts requests at the same time;
    `per_minute` git fetches and pushes, `events_per_minute` publications, both with that burst.
    """

    concurrency: int = 5
    per_minute: int = 30
    events_per_minute: int = 60


@dataclass(frozen=True, slots=True)
class Server:
    """One GRASP server. `url` is canonical (`nostr.urls`)."""

    url: str
    groups: tuple[str, ...] = ()
    throttle: Throttle = Throttle()

    @property
    def name(self) -> str:
        """How plans and reports call it: host, port and path."""
        return urls.host(self.url)


@dataclass(frozen=True, slots=True)
class Npub:
    """One owner. `signer` names a key that stands outside this file; None: never sign for them.

    A repository is wanted when its identifier matches `include` and not `exclude` (globs).
    """

    pubkey: str
    name: str
    signer: str | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def wants(self, identifier: str) -> bool:
        """Does the selection take this repository?"""
        return _any(self.include, identifier) and not _any(self.exclude, identifier)


@dataclass(frozen=True, slots=True)
class Rule:
    """An override for one repository. `allow` and `block` hold groups and canonical server URLs;
    `allow=None` allows all.
    """

    coordinate: Coordinate
    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Safety:
    """When a plan needs a person. Percentages of a cell's refs, reached only above the limit;
    cells with fewer than `min_existing` refs are not judged by percentage.
    """

    max_delete_percent: int = 30
    max_update_percent: int = 30
    min_existing: int = 10


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Desired:
    """One desired state. `digest` is the SHA-256 of the text it was read from."""

    digest: str
    servers: tuple[Server, ...]
    npubs: tuple[Npub, ...]
    index_relays: tuple[str, ...] = ()
    """Canonical web form, like server URLs; `urls.relay` gives the address to dial."""
    rules: tuple[Rule, ...] = ()
    policies: Policies = field(default_factory=Policies)

    def allowed(self, coordinate: Coordinate) -> tuple[Server, ...]:
        """The servers on which this repository may be, in the order of the file."""
        rule = next((r for r in self.rules if r.coordinate == coordinate), Rule(coordinate))
        return tuple(
            server
            for server in self.servers
            if (rule.allow is None or _names(server, rule.allow)) and not _names(server, rule.block)
        )

    def npub(self, pubkey: str) -> Npub | None:
        """The entry of this owner."""
        return next((n for n in self.npubs if n.pubkey == pubkey), None)


def _any(globs: tuple[str, ...], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _names(server: Server, words: tuple[str, ...]) -> bool:
    return server.url in words or not set(server.groups).isdisjoint(words)
