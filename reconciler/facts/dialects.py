"""What is known of server families, as data. Pure.

A dialect says which pushes a family accepts, whom it obeys and what it does by itself. It is chosen
by what the server says of itself (NIP-11 `software`); a server that says nothing is taken at the
specification's word. A test holds every field against the embedded server of that family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from reconciler.facts.budgets import Budgets, Per, Rate
from reconciler.facts.ownwork import Aligns, Fetches, Follows, OwnWork
from reconciler.nostr.nip11 import RelayInfo


class Obeys(Enum):
    """Whose states a server follows (GRASP-01: "the recursive maintainer set")."""

    CONFIRMED = "maintainers who confirm each other"
    INVITED = "everybody whom the owner invites, step by step, confirmed or not"
    OWNER = "the owner alone"


class Foreign(Enum):
    """Who may remove a ref that no state and no pull request authorises."""

    ANYBODY = "anybody deletes it by a push"
    RIDES_ALONG = "it goes with the next authorised push that deletes it"
    OPERATOR = "only the server's operator removes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one family behaves; the defaults are the specification's."""

    name: str
    """As reports call it."""
    purgatory: bool = False
    """Events wait, unseen, until their git data arrives."""
    purgatory_only: bool = False
    """Only a state that still waits in purgatory authorises a push; once it is stored, a server
    whose refs are wrong can be healed by a newer state alone."""
    exact: bool = False
    """Heads and tags after a push must equal the state, all in one push."""
    deletes_branches: bool = False
    """A push may delete branches that the state does not name."""
    obeys: Obeys = Obeys.INVITED
    """Whose states move refs here."""
    head_by_push: bool = False
    """HEAD follows the state only after a push; an empty one will do."""
    foreign: Foreign = Foreign.OPERATOR
    """What can be done about refs that nobody authorised."""
    void_deletions: bool = True
    """A deletion whose target is not here is taken and served. Others refuse it, or carry it
    out and refuse it then, because by that time its target is gone."""
    identifiers: str = ""
    """The identifiers whose git side it serves, as a pattern; empty: all."""
    budgets: Budgets = field(default_factory=Budgets)
    """What it bears of one client."""
    own: OwnWork = field(default_factory=OwnWork)
    """What it does by itself."""

    def takes(self, identifier: str) -> bool:
        """Can it host a repository of this identifier at all?"""
        return not self.identifiers or re.fullmatch(self.identifiers, identifier) is not None


_GO_BYTES = 512_000
"""One WebSocket message, where the relay is khatru."""

SPEC = Dialect(name="spec", purgatory=True, deletes_branches=True)
NGIT_GRASP = Dialect(
    name="ngit-grasp",
    purgatory=True,
    purgatory_only=True,
    exact=True,
    foreign=Foreign.RIDES_ALONG,
    budgets=Budgets(
        events=Rate(each=Per.CONNECTION, burst=60, refill=1, seconds=1.0, restarts=True)
    ),
    own=OwnWork(
        fetches=Fetches(sent=180.0, a_minute=30),
        follows=Follows(seconds=30.0, a_minute=30),
    ),
)
NGIT_GRASP_3 = replace(NGIT_GRASP, obeys=Obeys.CONFIRMED)
NGIT_RELAY = Dialect(
    name="ngit-relay",
    void_deletions=False,
    identifiers=r"""[^\x00-\x20"#%&+;<>?\\^`{|}\x7f-\U0010ffff]+""",  # nginx escapes none of them
    budgets=Budgets(
        events=Rate(each=Per.ADDRESS, burst=15, refill=3, seconds=180.0),
        subscriptions=None,
        message_bytes=_GO_BYTES,
        content_bytes=65_535,
        push_bytes=2**30,
    ),
    own=OwnWork(
        aligns=Aligns.DROPS,
        fetches=Fetches(sent=60.0, made=1.0, every=900.0),
    ),
)
KHATRU = Dialect(
    name="khatru",
    deletes_branches=True,
    obeys=Obeys.OWNER,
    head_by_push=True,
    void_deletions=False,
    foreign=Foreign.ANYBODY,
    identifiers=r"[0-9A-Za-z_.-]+",  # Go's \w is ASCII only; Python's is not
    budgets=Budgets(subscriptions=None, message_bytes=_GO_BYTES),
    own=OwnWork(aligns=Aligns.NEVER),
)
GITEA = Dialect(
    name="grasp-gitea",
    purgatory=True,
    deletes_branches=True,
    identifiers=r"[a-zA-Z0-9:/_.\-]+",
    budgets=Budgets(
        repositories=Rate(each=Per.AUTHOR, burst=10, refill=10, seconds=3600.0),
        message_bytes=_GO_BYTES,
        push_bytes=256 * 2**20,
        push_objects=50_000,
    ),
)

_BY_SOFTWARE = (
    ("ngit-grasp", NGIT_GRASP),
    ("ngit-relay", NGIT_RELAY),
    ("grasp-gitea", GITEA),
    ("pyramid", KHATRU),
    ("nak", KHATRU),
    ("khatru", KHATRU),
)


def detect(info: RelayInfo | None) -> Dialect:
    """The dialect of a server by its NIP-11 document."""
    software = info.software.lower() if info else ""
    found = next((dialect for word, dialect in _BY_SOFTWARE if word in software), SPEC)
    if found is NGIT_GRASP and info and info.version.startswith("3"):
        return NGIT_GRASP_3
    return found
