"""What is known of server families, as data. Pure.

A dialect says which pushes a family accepts, whom it obeys and what it does by itself. It is chosen
by what the server says of itself (NIP-11 `software`); a server that says nothing is taken at the
specification's word. A test holds every field against the embedded server of that family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

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

    def takes(self, identifier: str) -> bool:
        """Can it host a repository of this identifier at all?"""
        return not self.identifiers or re.fullmatch(self.identifiers, identifier) is not None


SPEC = Dialect(name="spec", purgatory=True, deletes_branches=True)
NGIT_GRASP = Dialect(
    name="ngit-grasp",
    purgatory=True,
    purgatory_only=True,
    exact=True,
    foreign=Foreign.RIDES_ALONG,
)
NGIT_GRASP_3 = Dialect(
    name="ngit-grasp",
    purgatory=True,
    purgatory_only=True,
    exact=True,
    foreign=Foreign.RIDES_ALONG,
    obeys=Obeys.CONFIRMED,
)
NGIT_RELAY = Dialect(
    name="ngit-relay",
    void_deletions=False,
    identifiers=r"""[^\x00-\x20"#%&+;<>?\\^`{|}\x7f-\U0010ffff]+""",  # nginx escapes none of them
)
KHATRU = Dialect(
    name="khatru",
    deletes_branches=True,
    obeys=Obeys.OWNER,
    head_by_push=True,
    void_deletions=False,
    foreign=Foreign.ANYBODY,
    identifiers=r"[0-9A-Za-z_.-]+",  # Go's \w is ASCII only; Python's is not
)
GITEA = Dialect(
    name="grasp-gitea",
    purgatory=True,
    deletes_branches=True,
    identifiers=r"[a-zA-Z0-9:/_.\-]+",
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
