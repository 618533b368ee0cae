"""The plan: plain data that can be saved, reviewed and applied later by another process.

Applying reads nothing else and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.actions import Action, Sign
from reconciler.model.observed import Commit
from reconciler.nostr.nip34 import Coordinate

PLAN_VERSION = 1


class HoldReason(StrEnum):
    """Why a wanted action may not be done now; closed and stable."""

    NOT_LISTED = "server-not-listed"
    DATA_NOWHERE = "data-nowhere"
    PULL_DATA_NOWHERE = "pull-data-nowhere"
    EMPTY_STATE = "empty-state"
    EMPTY_REPOSITORY = "no-state-yet"
    TIE = "states-tie"
    FUTURE_STATE = "state-from-the-future"
    REFS_CLASH = "refs-clash"
    NEEDS_NEW_STATE = "needs-new-state"
    SERVER_MUST_FETCH = "server-must-fetch"
    REPOSITORY_GONE = "repository-gone"
    PRIVATE = "private"
    PULL_REF_DIFFERS = "pull-ref-differs"
    REFUSED = "refused-by-server"
    UNREADABLE = "event-unreadable"
    AUTHORITY_DIFFERS = "authority-differs"
    AUTHORITY_UNSURE = "authority-unsure"
    HEAD_DIFFERS = "head-differs"
    FOREIGN_REFS = "foreign-refs"
    NOT_GRASP = "not-a-grasp-server"
    VANISHED = "repository-vanished"
    STATE_VANISHED = "state-vanished"
    OBJECTS_GONE = "objects-gone"
    PAUSED = "server-paused"
    TOO_LARGE = "event-too-large"
    SERVES_DELETED = "serves-deleted"
    SOURCE_UNREAD = "source-unread"
    SOURCE_DIVERGED = "source-diverged"
    NEXT_STATE = "next-state"
    DELETED = "announcement-deleted"


ADVISORY = frozenset(
    {
        HoldReason.PULL_DATA_NOWHERE,
        HoldReason.PULL_REF_DIFFERS,
        HoldReason.FOREIGN_REFS,
        HoldReason.TOO_LARGE,
        HoldReason.SERVES_DELETED,
        HoldReason.NEXT_STATE,
    }
)
"""Holds that are said, and keep no cell and no run from being in sync: any stranger can cause them
with one event or ref, or the next run does by itself what is left."""
OF_SOURCE = frozenset({HoldReason.SOURCE_UNREAD, HoldReason.SOURCE_DIVERGED})
"""Holds on what a source would change; servers go on following the state that stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wanted action that may not be done now. `server` None: it concerns all of them.

    `accepted`: the desired state takes it as normal (`policies.holds`), so nobody need be told.
    """

    coordinate: Coordinate
    server: str | None
    reason: HoldReason
    detail: str
    release: str
    accepted: bool = False


class Entry(StrEnum):
    """Where the operator names repositories; closed and stable."""

    RULE = "repositories"
    HOLD = "policies.holds"
    LIMIT = "--limit"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A word of the operator's that fits nothing which was found: a slip of the pen looks like
    that. `near` are names like it, the likeliest first."""

    entry: Entry
    word: str
    near: tuple[str, ...] = ()


class Verdict(StrEnum):
    """The state of one cell."""

    IN_SYNC = "in-sync"
    DRIFTED = "drifted"
    SETTLING = "settling"
    HELD = "held"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"
    IMPOSSIBLE = "impossible"
    HOLLOW = "hollow"


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """One (repository, server) pair and how it stands; `detail` says why when it is not in-sync."""

    coordinate: Coordinate
    server: str
    verdict: Verdict
    detail: str = ""
    refs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySummary:
    """One repository as this plan understands it."""

    coordinate: Coordinate
    name: str
    announcement: str
    state: str | None
    authority: tuple[str, ...]
    refs: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSummary:
    """One server as observed: `unknown` None means reachable and completely answered."""

    url: str
    name: str
    grasp: bool
    dialect: str
    software: str
    unknown: str | None


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a server is left to get by itself, of one repository: `keys` are the actions that it
    saves us, `since` and `until` (seconds since 1970) the time that it is given."""

    coordinate: Coordinate
    server: str
    since: int
    until: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """A ref that moves to where its commits do not lead. `count` commits go, `dropped` are the
    newest of them; None: whether any go could not be learnt.
    """

    coordinate: Coordinate
    server: str
    name: str
    old: str
    new: str
    count: int | None
    dropped: tuple[Commit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one run wants to write, and everything that it may not.

    `discovered` are GRASP servers that announcements list and the desired state does not know;
    `silent` are npubs (by name) of whom no repository was found; `unmatched` entries of the
    operator's that fit nothing; `forced` updates, among those of the actions, that drop commits;
    `delegated` what servers are to do by themselves of the actions, and what they did not in time.

    `complete` is false when some part of the world could not be observed: the actions are right,
    yet there may be more to do.
    """

    desired_digest: str
    created_at: int
    repositories: tuple[RepositorySummary, ...]
    servers: tuple[ServerSummary, ...]
    actions: tuple[Action, ...]
    holds: tuple[Hold, ...]
    cells: tuple[CellVerdict, ...]
    discovered: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    forced: tuple[Forced, ...] = ()
    delegated: tuple[Delegation, ...] = ()

    @property
    def signs(self) -> tuple[Sign, ...]:
        """What a key is needed for."""
        return tuple(action for action in self.actions if isinstance(action, Sign))

    @property
    def left(self) -> frozenset[str]:
        """Keys of the actions that are not ours as long as the servers have time for them."""
        given = (d for d in self.delegated if self.created_at < d.until)
        return frozenset(key for delegation in given for key in delegation.keys)

    @property
    def complete(self) -> bool:
        """Was everything observed?"""
        return (
            all(cell.verdict is not Verdict.UNKNOWN for cell in self.cells)
            and all(server.unknown is None for server in self.servers)
            and all(hold.reason is not HoldReason.SOURCE_UNREAD for hold in self.holds)
        )
