"""What the world answered. "Could not learn" is a value of its own, never absence.

a relay   its `unknown` is None only when every question was answered completely
refs      Listing (perhaps empty) | Absent (the server says: no such repository) | Unknown
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reconciler.nostr.event import Draft, Event
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate

_T = TypeVar("_T")


class Cause(StrEnum):
    """Why something could not be learnt or done; closed, so that reports can be counted."""

    REFUSED = "connection-refused"
    RESOLVE = "name-not-resolved"
    TIMEOUT = "timed-out"
    TLS = "tls-failure"
    CUT = "connection-cut"
    HTTP = "http-error"
    NOT_FOUND = "not-found"
    PROTOCOL = "protocol-error"
    INCOMPLETE = "incomplete-answer"
    EGRESS = "egress-refused"
    RATE = "rate-limited"
    BUDGET = "budget-used-up"
    SKIPPED = "not-asked"
    STOPPED = "stopped"
    LOCAL = "local-failure"  # this machine: its disk, memory or permissions; no server's fault


@dataclass(frozen=True, slots=True)
class Unknown:
    """One thing that could not be learnt. `detail` may hold a peer's words."""

    cause: Cause
    detail: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.detail else str(self.cause)


@dataclass(frozen=True, slots=True)
class BadSource:
    """A server from which objects should have come; `unknown` says why they did not."""

    server: str
    unknown: Unknown

    def __str__(self) -> str:
        return f"{self.server}: {self.unknown}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A complete ref advertisement: (name, object id) sorted by name; `head` where it is told.

    `peeled` is what annotated tags point to, by the tag's name.
    """

    refs: tuple[tuple[str, str], ...]
    head: str | None = None
    peeled: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """The server answered that it has no such repository."""


Refs = Listing | Absent | Unknown
"""What one server says of the refs of one repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One event that was sent to a server and does not show there (local memory, not the world).

    `at` is in seconds since 1970; `tries` counts refusals in a row; `message` is the server's.
    """

    server: str
    event_id: str
    at: int
    accepted: bool
    tries: int
    message: str


@dataclass(frozen=True, slots=True)
class Delegated:
    """What a server is to get of a repository was left to it at `since`; it was given time until
    `until` (seconds since 1970)."""

    server: str
    coordinate: Coordinate
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What runs remember of servers; losing it costs work and never safety."""

    submissions: tuple[Submission, ...] = ()
    delegated: tuple[Delegated, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit for people: its object id, and the first line of its message (somebody's words)."""

    oid: str
    subject: str


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What moving a ref from `old` to `new` means.

    `forward`: `old` is an ancestor of `new` (or the same); None: it could not be told. `dropped`
    are the newest commits that `old` has and `new` has not, at most ANCESTRY_COMMITS of `count`.
    """

    old: str
    new: str
    forward: bool | None
    dropped: tuple[Commit, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What earlier runs saw of one repository at best: high-water marks, which never go back.

    Times are seconds since 1970; `state` None: none was ever seen. `servers` served the
    announcement when it was last seen, at `at`.
    """

    coordinate: Coordinate
    announcement: str
    announced_at: int
    state: str | None
    state_by: str | None
    state_at: int
    servers: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """One server (or index relay) as it answered in this run.

    `served` are the ids of the events that its relay serves, among those we asked for; `listings`
    pairs repositories with their refs, sorted by repository, and is empty for an index relay;
    `submitted` is what was sent there before and may wait, unseen; `delegated` since and until
    when (seconds since 1970) repositories are left to it, sorted by repository. A `witness` is a
    relay that only an announcement names: it is read before that is signed anew, and never written
    to. `skew` is by how many seconds our clock is ahead of the server's; `left_out` what it sent
    that nobody used; `hollow` repositories whose refs it lists and of which a clone was tried and
    failed.
    """

    url: str
    grasp: bool
    info: RelayInfo | None
    unknown: Unknown | None
    served: frozenset[str] = frozenset()
    listings: tuple[tuple[Coordinate, Refs], ...] = ()
    submitted: tuple[Submission, ...] = ()
    delegated: tuple[tuple[Coordinate, tuple[int, int]], ...] = ()
    witness: bool = False
    skew: float | None = None
    left_out: tuple[tuple[str, int], ...] = ()
    hollow: tuple[tuple[Coordinate, Unknown], ...] = ()

    def refs(self, coordinate: Coordinate) -> Refs:
        """The refs of one repository here; unknown when nobody asked."""
        found = lookup(self.listings, coordinate)
        return found or self.unknown or Unknown(Cause.SKIPPED, "")


@dataclass(frozen=True, slots=True)
class SourceView:
    """The source of one repository as it answered in this run.

    A listing is one whose objects the archive holds, all of them. `root` is the first commit of
    its main line; None where it could not be told.
    """

    url: str
    refs: Refs
    root: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One observation of the whole fleet, at `at` seconds since 1970.

    `events` are all verified events that any server served, and those that were signed here and
    that none serves yet (`unserved`); `requested` is what remote signers have not answered;
    `archived` the object ids, among those that matter, which our own archive already holds, sorted
    by repository; `ancestry` what moving refs would drop, sorted by repository; `seen` is the
    memory of earlier runs. `sources` are those of the desired state, sorted by repository. `began`
    is when the run began whose later look this is, in seconds since 1970; None: it is the first
    look.
    """

    at: int
    events: tuple[Event, ...]
    views: tuple[ServerView, ...]
    archived: tuple[tuple[Coordinate, frozenset[str]], ...] = ()
    ancestry: tuple[tuple[Coordinate, tuple[Ancestry, ...]], ...] = ()
    seen: tuple[Seen, ...] = ()
    sources: tuple[tuple[Coordinate, SourceView], ...] = ()
    unserved: tuple[Event, ...] = ()
    requested: tuple[Draft, ...] = ()
    began: int | None = None

    def view(self, url: str) -> ServerView:
        """The view of a server by its canonical URL."""
        return next(view for view in self.views if view.url == url)


def lookup(pairs: tuple[tuple[Coordinate, _T], ...], coordinate: Coordinate) -> _T | None:
    """The value of a repository in pairs that are sorted by repository."""
    place = bisect_left(pairs, coordinate, key=lambda pair: pair[0])
    found = place < len(pairs) and pairs[place][0] == coordinate
    return pairs[place][1] if found else None
