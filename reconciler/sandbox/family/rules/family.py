"""One family: all its switches together."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.sandbox.family.rules.announcements import AnnouncementRules
from reconciler.sandbox.family.rules.events import EventRules
from reconciler.sandbox.family.rules.fetches import FetchRules
from reconciler.sandbox.family.rules.git import GitRules
from reconciler.sandbox.family.rules.info import Info
from reconciler.sandbox.family.rules.limits import RelayLimits
from reconciler.sandbox.family.rules.pulls import PullRules
from reconciler.sandbox.family.rules.states import StateRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How the servers of one kind behave."""

    name: str
    """As commands and tests call it."""
    info: Info
    """What its servers say of themselves."""
    announcements: AnnouncementRules = field(default_factory=AnnouncementRules)
    """Kind 30617."""
    events: EventRules = field(default_factory=EventRules)
    """All other events, and what all have in common."""
    states: StateRules = field(default_factory=StateRules)
    """Kind 30618, and what becomes of refs and HEAD."""
    pulls: PullRules = field(default_factory=PullRules)
    """Kinds 1618 and 1619, and refs/nostr/<event id>."""
    git: GitRules = field(default_factory=GitRules)
    """git smart HTTP."""
    limits: RelayLimits = field(default_factory=RelayLimits)
    """What one client of the relay may do."""
    fetches: FetchRules = field(default_factory=FetchRules)
    """When it looks for git data by itself."""
