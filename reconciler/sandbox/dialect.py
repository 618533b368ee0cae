"""How server families differ, as data: one field a difference, one preset a family.

Code asks for a field and never for a name, so that a new family is a new row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from reconciler.errors import OurFault
from reconciler.limits import REQ_PAGE


class Listing(Enum):
    """How "the announcement lists this service" is tested (GRASP-01)."""

    CANONICAL = "clone URL of this very repository, and relay URL, after normalisation"
    SUBSTRING = "any clone and any relays value contains host:port"


class PushRule(Enum):
    """What a push to refs/heads and refs/tags must fulfil."""

    PER_REF = "each command agrees with the newest authorised state"
    EXACT = "heads and tags after the push equal a state in purgatory exactly"


class Refusal(Enum):
    """How an unauthorised push is answered."""

    ERR_LINE = "HTTP 200 and one pkt-line ERR"
    FORBIDDEN = "HTTP 403 and text"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The switches of one family. `older` is the OK answer to an event older than the stored one;
    `default_limit` and `max_limit` count events per filter."""

    name: str
    software: str
    version: str
    nips: tuple[int, ...]
    grasps: tuple[str, ...] = ("GRASP-01",)
    criteria: str = "None"
    default_limit: int = REQ_PAGE
    max_limit: int = REQ_PAGE
    listing: Listing = Listing.CANONICAL
    one_clone_tag: bool = False
    maintainer_exception: bool = True
    own_announcement_invites: bool = False
    parked_keeps_newest: bool = True
    older: tuple[bool, str] = (True, "duplicate: a newer version is stored")
    foreign_deletion_refused: bool = False
    push_rule: PushRule = PushRule.PER_REF
    branch_delete_by_push: bool = True
    noop_push: bool = False
    other_refs: bool = False
    lowest_id_wins: bool = True
    realigns_stored: bool = True
    present_data_promotes: bool = True
    expired_placeholder_loses_ref: bool = True
    refusal: Refusal = Refusal.ERR_LINE


SPEC: Final = Dialect(
    name="spec",
    software="https://github.com/grasp-reconciler/sandbox-spec",
    version="1.0.0",
    nips=(1, 9, 11, 34, 40, 45),
    criteria="announcements that list this service in clone and relays",
)
"""GRASP-01 to the letter."""

NGIT_GRASP: Final = Dialect(
    name="ngit-grasp",
    software="https://gitworkshop.dev/danconwaydev.com/ngit-grasp",
    version="1.0.2",
    nips=(1, 9, 11, 34, 40, 45),
    listing=Listing.SUBSTRING,
    one_clone_tag=True,
    parked_keeps_newest=False,
    older=(False, "error: unknown"),
    foreign_deletion_refused=True,
    push_rule=PushRule.EXACT,
    branch_delete_by_push=False,
    noop_push=True,
    other_refs=True,
    lowest_id_wins=False,
    realigns_stored=False,
    present_data_promotes=False,
    expired_placeholder_loses_ref=False,
)
"""ngit-grasp 1.0.2, as read in its source."""

PRESETS: Final = MappingProxyType({d.name: d for d in (SPEC, NGIT_GRASP)})


def named(name: str) -> Dialect:
    """The preset called `name`.

    Raises:
        OurFault: there is none.
    """
    if name not in PRESETS:
        raise OurFault(f"no dialect {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
