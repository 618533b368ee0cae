"""The plan: plain data that can be saved, reviewed and applied later by another process.

Every action carries its precondition (`before`, or the `old` of each ref), its target and its
reason. Applying reads nothing else and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.observed import Commit
from reconciler.nostr.event import Draft
from reconciler.nostr.nip34 import Coordinate

PLAN_VERSION = 1


class Wave(IntEnum):
    """The publish order that works on every server family; a wave ends before the next starts."""

    SIGN = 0
    ANNOUNCE = 1
    MEMBERS = 2
    STATE = 3
    PUSH = 4
    ROOTS = 5
    PULLS = 6
    REPLIES = 7
    DELETIONS = 8
    UPDATE = 9


class Verb(StrEnum):
    """What an action does, in one word: the first part of its key."""

    SIGN = "sign"
    PUBLISH = "publish"
    PUSH = "push"


class Why(StrEnum):
    """Why an action is there; closed and stable, for people and for machines."""

    LISTS_SERVER = "announcement-missing"
    NEWER_ANNOUNCEMENT = "announcement-outdated"
    STATE_MISSING = "state-missing"
    STATE_OUTDATED = "state-outdated"
    REFS_DIFFER = "refs-differ"
    HEAD_DIFFERS = "head-differs"
    PULL_REF_MISSING = "pull-ref-missing"
    EVENT_MISSING = "event-missing"
    SERVER_UNLISTED = "server-not-listed"


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign `draft`, the announcement that lists `adds` too. `before`: the event it replaces."""

    verb: ClassVar[Verb] = Verb.SIGN
    server: ClassVar[None] = None
    changes: ClassVar[tuple[RefUpdate, ...]] = ()

    coordinate: Coordinate
    signer: str
    before: str
    adds: tuple[str, ...]
    draft: Draft
    why: Why = Why.SERVER_UNLISTED

    @property
    def key(self) -> str:
        """Stable name of this action within a plan."""
        return f"sign:{self.coordinate}"

    @property
    def wave(self) -> Wave:
        """When it runs."""
        return Wave.SIGN


@dataclass(frozen=True, slots=True)
class Publish:
    """Send one event to one server. `before`: the version that the server serves now.

    `signed` marks an event that the plan's own Sign action makes; its id is known beforehand.
    `aligns` are the refs that the server will change by itself when this state arrives.
    `waits`: the server's family may accept it and keep it unseen (purgatory); where not, an OK to
    what is not served afterwards is as good as a refusal.
    """

    verb: ClassVar[Verb] = Verb.PUBLISH

    coordinate: Coordinate
    server: str
    event_id: str
    kind: int
    wave: Wave
    why: Why
    before: str | None = None
    signed: bool = False
    aligns: tuple[RefUpdate, ...] = ()
    waits: bool = True

    @property
    def key(self) -> str:
        """Stable name of this action within a plan."""
        # a drafted event's id moves with its created_at; its coordinate does not
        what = f"draft:{self.coordinate}" if self.signed else self.event_id
        return f"publish:{self.server}:{what}"

    @property
    def changes(self) -> tuple[RefUpdate, ...]:
        """Refs that the server changes when this is done."""
        return self.aligns


@dataclass(frozen=True, slots=True)
class HeadMove:
    """HEAD names the branch `old` and should name `new`."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Push:
    """One push of exactly what differs. `sources` serve the objects, best first.

    With `head` it changes no ref: it is the empty push after which some families move HEAD.
    """

    verb: ClassVar[Verb] = Verb.PUSH

    coordinate: Coordinate
    server: str
    updates: tuple[RefUpdate, ...]
    sources: tuple[str, ...]
    wave: Wave
    why: Why
    head: HeadMove | None = None

    @property
    def key(self) -> str:
        """Stable name of this action within a plan."""
        return f"push:{self.server}:{self.coordinate}:{self.wave}"

    @property
    def changes(self) -> tuple[RefUpdate, ...]:
        """Refs that change when this is done."""
        return self.updates


Action = Sign | Publish | Push


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


ADVISORY = frozenset(
    {HoldReason.PULL_DATA_NOWHERE, HoldReason.PULL_REF_DIFFERS, HoldReason.FOREIGN_REFS}
)
"""Holds that any stranger can cause with one event or ref. They are said, and keep no cell and no
run from being in sync."""


@dataclass(frozen=True, slots=True)
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
    PENDING = "pending"
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


@dataclass(frozen=True, slots=True)
class RepositorySummary:
    """One repository as this plan understands it."""

    coordinate: Coordinate
    name: str
    announcement: str
    state: str | None
    authority: tuple[str, ...]
    refs: int
    events: int


@dataclass(frozen=True, slots=True)
class ServerSummary:
    """One server as observed: `unknown` None means reachable and completely answered."""

    url: str
    name: str
    grasp: bool
    dialect: str
    software: str
    unknown: str | None


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


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run wants to write, and everything that it may not.

    `discovered` are GRASP servers that announcements list and the desired state does not know;
    `silent` are npubs (by name) of whom no repository was found; `unmatched` entries of the
    operator's that fit nothing; `forced` updates, among those of the actions, that drop commits.

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

    @property
    def complete(self) -> bool:
        """Was everything observed?"""
        return all(cell.verdict is not Verdict.UNKNOWN for cell in self.cells) and all(
            server.unknown is None for server in self.servers
        )
