"""How server families differ, as data: one switch a difference, one file a subject.

Code asks for a switch and never for a name, so that a new family is a new value. The defaults of
every group are GRASP-01 to the letter; what stands in a preset is what differs from it.
"""

from reconciler.sandbox.family.rules.announcements import AnnouncementRules, Creation, ListingRule
from reconciler.sandbox.family.rules.events import (
    AddressRule,
    DeletionMemory,
    DeletionRule,
    EventRules,
    Relation,
)
from reconciler.sandbox.family.rules.family import Family
from reconciler.sandbox.family.rules.fetches import FetchRules
from reconciler.sandbox.family.rules.git import (
    CorsRule,
    Deletes,
    DumbRule,
    GitRules,
    PushRule,
    Refusal,
    ServiceQuery,
)
from reconciler.sandbox.family.rules.info import Info
from reconciler.sandbox.family.rules.limits import RelayLimits
from reconciler.sandbox.family.rules.pulls import NostrPush, PullRules
from reconciler.sandbox.family.rules.states import Alignment, HeadRule, StateRules, Tie

__all__ = [
    "AddressRule",
    "Alignment",
    "AnnouncementRules",
    "CorsRule",
    "Creation",
    "Deletes",
    "DeletionMemory",
    "DeletionRule",
    "DumbRule",
    "EventRules",
    "Family",
    "FetchRules",
    "GitRules",
    "HeadRule",
    "Info",
    "ListingRule",
    "NostrPush",
    "PullRules",
    "PushRule",
    "Refusal",
    "Relation",
    "RelayLimits",
    "ServiceQuery",
    "StateRules",
    "Tie",
]
