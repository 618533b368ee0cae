"""What the world answered. "Could not learn" is a value of its own, never absence.

a relay   its `unknown` is None only when every question was answered completely
refs      Listing (perhaps empty) | Absent (the server says: no such repository) | Unknown
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reconciler.nostr.event import Event
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
class Listing:
    """A complete ref advertisement: (name, object id) sorted by name; `head` where it is told."""

    refs: tuple[tuple[str, str], ...]
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """The server answered that it has no such repository."""


Refs = Listing | Absent | Unknown
"""What one server says of the refs of one repository."""


@dataclass(frozen=True, slots=True)
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
class ServerView:
    """One server (or index relay) as it answered in this run.

    `served` are the ids of the events that its relay serves, among those we asked for; `listings`
    pairs repositories with their refs, sorted by repository, and is empty for an index relay;
    `submitted` is what was sent there before and may wait, unseen.
    """

    url: str
    grasp: bool
    info: RelayInfo | None
    unknown: Unknown | None
    served: frozenset[str] = frozenset()
    listings: tuple[tuple[Coordinate, Refs], ...] = ()
    submitted: tuple[Submission, ...] = ()

    def refs(self, coordinate: Coordinate) -> Refs:
        """The refs of one repository here; unknown when nobody asked."""
        found = lookup(self.listings, coordinate)
        return found or self.unknown or Unknown(Cause.SKIPPED, "")


@dataclass(frozen=True, slots=True)
class Observed:
    """One observation of the whole fleet, at `at` seconds since 1970.

    `events` are all verified events that any server served; `archived` the object ids, among those
    that matter, which our own archive already holds, sorted by repository.
    """

    at: int
    events: tuple[Event, ...]
    views: tuple[ServerView, ...]
    archived: tuple[tuple[Coordinate, frozenset[str]], ...] = ()

    def view(self, url: str) -> ServerView:
        """The view of a server by its canonical URL."""
        return next(view for view in self.views if view.url == url)


def lookup(pairs: tuple[tuple[Coordinate, _T], ...], coordinate: Coordinate) -> _T | None:
    """The value of a repository in pairs that are sorted by repository."""
    place = bisect_left(pairs, coordinate, key=lambda pair: pair[0])
    found = place < len(pairs) and pairs[place][0] == coordinate
    return pairs[place][1] if found else None
