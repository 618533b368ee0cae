"""Kind 30618: who may publish states, and how refs and HEAD follow them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Tie(Enum):
    """Which of several maintainers' states of one second counts."""

    LOWEST = "the lowest id (NIP-01)"
    HIGHEST = "the highest id"
    LAST = "the one that came last"


class Alignment(Enum):
    """What a state does on arrival to repositories that hold its objects."""

    AT_ONCE = "all repositories of its owners follow, once one of them holds every object"
    DELETES = "the author's own loses what the state lacks; all else takes a push, or other owners"
    NEVER = "nothing before a push"


class HeadRule(Enum):
    """When HEAD follows the state."""

    COMMIT = "its branch is declared and the commit is here"
    DECLARED = "its branch is declared"
    PUSH = "after a push; an undeclared branch adds an error text to git's answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRules:
    """Kind 30618."""

    anyone: bool = False
    """Every author's is stored."""
    owner_only: bool = False
    """Maintainers' states do not count for pushes."""
    roles: bool = False
    """Maintainers are those of the role tags (v3) who name one back."""
    start_check: bool = False
    """A start takes away and turns back refs that no stored state authorises."""
    waits: bool = True
    """It waits in purgatory until its objects are here."""
    release_seconds: float = 0.0
    """How long after that it is served."""
    durable: bool = False
    """Purgatory outlives a kill."""
    owner_hint: bool = False
    """When several hosted repositories are meant, `p` or `a` must name an owner."""
    tie: Tie = Tie.LOWEST
    """Whose state counts when two maintainers sign in the same second."""
    alignment: Alignment = Alignment.AT_ONCE
    """What follows on arrival."""
    deletes_seconds: float = 0.0
    """When the author's own loses refs, after the OK (DELETES)."""
    others_seconds: float = 0.0
    """When all owners' repositories take refs from one another (DELETES)."""
    realigns_stored: bool = True
    """A push also brings repositories to the stored state."""
    present_promotes: bool = True
    """Data that was here before the state releases announcements."""
    head: HeadRule = HeadRule.COMMIT
    """When HEAD follows."""
    bare_head: bool = True
    """HEAD's value may lack `ref: `."""
    odd_values: bool = True
    """A value that is no object id is no fault: `ref: …` takes its ref out of the state, any other
    is an object that never comes."""
    all_maintainers: bool = False
    """Every `maintainers` tag is read, and not the first alone."""
    crashes_without_d: bool = False
    """One without `d` ends the server, after its OK."""
