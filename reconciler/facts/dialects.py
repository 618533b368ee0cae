"""What is known of server families, as data. Pure.

A dialect decides which push shapes a family accepts. It is chosen by what the server says of
itself (NIP-11 `software`); a server that says nothing is taken at the specification's word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.nostr.nip11 import RelayInfo


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family behaves.

    Attributes:
        name: as reports call it.
        purgatory: events wait, unseen, until their git data arrives.
        purgatory_only: only a state that still waits in purgatory authorises a push; once it is
            stored, a server whose refs are wrong can be healed by a newer state alone.
        exact: heads and tags after a push must equal the state, all in one push.
        deletes_branches: a push may delete branches that the state does not name.
        owner_only: only the owner's states authorise pushes, maintainers' do not.
        identifiers: the identifiers whose git side it serves, as a pattern; empty: all.
    """

    name: str
    purgatory: bool
    purgatory_only: bool
    exact: bool
    deletes_branches: bool
    owner_only: bool = False
    identifiers: str = ""

    def takes(self, identifier: str) -> bool:
        """Can it host a repository of this identifier at all?"""
        return not self.identifiers or re.fullmatch(self.identifiers, identifier) is not None


_KHATRU_NAMES = r"[0-9A-Za-z_.-]+"
"""What Go calls a word character, which is ASCII only; Python counts letters of all scripts."""

SPEC = Dialect("spec", True, False, False, True)
NGIT_GRASP = Dialect("ngit-grasp", True, True, True, False)
NGIT_RELAY = Dialect("ngit-relay", False, False, False, False)
KHATRU = Dialect("khatru", False, False, False, True, owner_only=True, identifiers=_KHATRU_NAMES)
GITEA = Dialect("grasp-gitea", True, False, False, True, identifiers=r"[a-zA-Z0-9:/_.\-]+")

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
    return next((dialect for word, dialect in _BY_SOFTWARE if word in software), SPEC)
