"""What a run may do: one value for each deed, with all that its readers ask of it.

Every action carries its precondition (`before`, or the `old` of each ref), its target and its
reason. Who reads a plan asks the questions of `Deed` and not for a class, so that a new kind of
action is a class here, a rule of the guard's and a renderer.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import ClassVar, Self

from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import kinds
from reconciler.nostr.event import Draft, Tags
from reconciler.nostr.nip34 import Coordinate


class Wave(IntEnum):
    """The publish order that works on every server family; in a repository, a wave ends before the
    next starts."""

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
    NEVER_ANNOUNCED = "repository-new"
    SOURCE_AHEAD = "source-ahead"
    SERVER_STUCK = "server-needs-new-state"


class Deed(ABC):
    """What every reader of a plan asks of an action, with the answers that most of them give.

    A new kind of action answers here, and no reader need know its class. Each has besides: `verb`,
    `coordinate`, `server` (None: it concerns several), `wave`, `why`, `key`, `changes` (the refs
    that change when it is done, by us or by the server itself), `places` (servers whose later waves
    wait for it).
    """

    __slots__ = ()

    @property
    @abstractmethod
    def key(self) -> str:
        """Stable name of this action within a plan."""

    @property
    def sends(self) -> str | None:
        """Id of the event that goes to the server; None: it sends no event."""
        return None

    @property
    def announces(self) -> bool:
        """Does the server learn of the repository by this?"""
        return False

    @property
    def volume(self) -> int:
        """Events and refs that it writes."""
        return 1

    @property
    def may_wait(self) -> bool:
        """May the server have taken it, and not show it yet?"""
        return True

    @property
    def versioned(self) -> bool:
        """Does it bring one version of something, so that a newer one will do?"""
        return False

    @property
    def tolerant(self) -> bool:
        """May a refusal come after the deed was done? The world then has the last word."""
        return False

    @property
    def is_head(self) -> bool:
        """Is it one of the events that make a repository, and are of no use without each other?"""
        return False

    @property
    def leaf(self) -> bool:
        """Does nothing else wait for it?"""
        return False

    @property
    def narrow(self) -> bool:
        """Do only a state and its push wait for it?"""
        return False

    @property
    def later_key(self) -> str:
        """The key under which a later plan would want the same."""
        return self.key

    @property
    def sent_as(self) -> str:
        """What the memory between runs calls it."""
        return self.sends or self.key

    @property
    def free(self) -> tuple[str, ...]:
        """Fields (`a.b`: b of a) that may differ between two looks at an unchanged world."""
        return ()

    def joined(self, _: Action) -> Self:
        """This action, with what another of the same key does."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign(Deed):
    """Sign `draft`: an announcement that lists `adds` too, or a state of what `source` lists.

    `before` is the event it replaces, `added` and `dropped` the tags by which it differs from that;
    None: it is the first. `adds` are the servers that get it, and what it names, by this plan.
    """

    verb: ClassVar[Verb] = Verb.SIGN
    server: ClassVar[None] = None
    changes: ClassVar[tuple[RefUpdate, ...]] = ()

    coordinate: Coordinate
    signer: str
    before: str | None
    adds: tuple[str, ...]
    draft: Draft
    why: Why = Why.SERVER_UNLISTED
    added: Tags = ()
    dropped: Tags = ()
    source: str = ""

    @property
    def key(self) -> str:
        """Stable name of this action within a plan."""
        what = "state:" if self.draft.kind == kinds.STATE else ""
        return f"sign:{what}{self.coordinate}"

    @property
    def wave(self) -> Wave:
        """When it runs."""
        return Wave.SIGN

    @property
    def narrow(self) -> bool:
        """Conversation hangs from the announcement, and not from a new state."""
        return self.draft.kind == kinds.STATE

    @property
    def places(self) -> tuple[str, ...]:
        """Servers whose later waves wait for it."""
        return self.adds

    @property
    def free(self) -> tuple[str, ...]:
        """The draft's date is the run's."""
        return ("draft.created_at",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish(Deed):
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
        state = "state:" if self.kind == kinds.STATE else ""
        what = f"draft:{state}{self.coordinate}" if self.signed else self.event_id
        return f"publish:{self.server}:{what}"

    @property
    def changes(self) -> tuple[RefUpdate, ...]:
        """Refs that the server changes when this is done."""
        return self.aligns

    @property
    def places(self) -> tuple[str, ...]:
        """Servers whose later waves wait for it."""
        return (self.server,)

    @property
    def sends(self) -> str:
        """Id of the event that goes to the server."""
        return self.event_id

    @property
    def announces(self) -> bool:
        """Does the server learn of the repository by this?"""
        return self.kind == kinds.ANNOUNCEMENT and self.before is None

    @property
    def may_wait(self) -> bool:
        """May the server have taken it, and not show it?"""
        return self.waits

    @property
    def versioned(self) -> bool:
        """Announcements and states are addressable (NIP-01)."""
        return kinds.is_addressable(self.kind)

    @property
    def tolerant(self) -> bool:
        """Some families carry a deletion out, and refuse it then for want of a target."""
        return self.kind == kinds.DELETION

    @property
    def is_head(self) -> bool:
        """Announcement, members, state."""
        return self.wave in (Wave.ANNOUNCE, Wave.MEMBERS, Wave.STATE)

    @property
    def leaf(self) -> bool:
        """A lost reply must not keep the other replies back."""
        return self.wave == Wave.MEMBERS or self.wave >= Wave.ROOTS

    @property
    def later_key(self) -> str:
        """What was signed is an event by then."""
        return replace(self, signed=False).key

    @property
    def free(self) -> tuple[str, ...]:
        """A drafted event's id moves with its date."""
        return ("event_id",) if self.signed else ()

    def joined(self, other: Action) -> Self:
        """One event may align several repositories of a server."""
        return replace(self, aligns=tuple(dict.fromkeys((*self.aligns, *other.changes))))


@dataclass(frozen=True, slots=True)
class HeadMove:
    """HEAD names the branch `old` and should name `new`."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Push(Deed):
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

    @property
    def places(self) -> tuple[str, ...]:
        """Servers whose later waves wait for it."""
        return (self.server,)

    @property
    def volume(self) -> int:
        """Its refs; the empty push moves HEAD."""
        return len(self.updates) or 1

    @property
    def sent_as(self) -> str:
        """The key with what it would change: another push is not this one."""
        changes = " ".join(f"{u.name} {u.old} {u.new}" for u in self.updates)
        data = changes.encode("utf-8", "surrogateescape")  # ref names are bytes to git
        return f"{self.key}#{hashlib.sha256(data).hexdigest()[:16]}"

    @property
    def free(self) -> tuple[str, ...]:
        """Who serves the objects may differ."""
        return ("sources",)


Action = Sign | Publish | Push
