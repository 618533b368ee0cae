"""Kind 30617: which announcements are taken, and when their repositories are made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from reconciler.sandbox.family.rates import Rate


class ListingRule(Enum):
    """How "the announcement lists this service" is tested (GRASP-01)."""

    CANONICAL = "clone URL of this very repository, and relay URL, both after normalisation"
    EXACT = "the same, but the clone URL letter by letter (percent-encoding and last slash apart)"
    SUBSTRING = "any clone and any relays value contains host:port"
    URL_SUBSTRING = "any clone and any relays value contains ://host:port"
    NONE = "every announcement counts"


class Creation(Enum):
    """When the bare repository of an announcement is made."""

    AT_ONCE = "before the OK"
    LATER = "a moment after the OK; until then 404"
    FIRST_PUSH = "by the first authorised push; until then an empty listing without capabilities"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementRules:
    """Kind 30617."""

    listing: ListingRule = ListingRule.CANONICAL
    """What counts as listing this service."""
    one_clone_tag: bool = False
    """Several `clone` tags are refused."""
    checks_identifier: bool = True
    """Impossible identifiers are refused; otherwise stored and not hosted."""
    refused_characters: str = ""
    """Of the impossible identifiers only those that hold one of these are refused; empty: all."""
    unlisted_stored: bool = False
    """One that does not list the service is stored and not hosted."""
    maintainer_exception: bool = True
    """Whom another announcement invites need not list the service."""
    own_invites: bool = False
    """Nor does an author who has an earlier announcement of the identifier here."""
    waits: bool = True
    """It waits in purgatory until git data comes."""
    parked_keeps_newest: bool = True
    """An older one does not replace a newer one in purgatory."""
    parks_with_data: bool = False
    """It waits although its repository holds data already, which goes when it waits in vain."""
    creation: Creation = Creation.AT_ONCE
    """When the bare repository is made."""
    creation_seconds: float = 0.0
    """How long after the OK, where it is made later."""
    hosted_identifiers: str = ""
    """A pattern; others are stored and not hosted. Empty: all are hosted."""
    provisions: Rate | None = None
    """New repositories of an author; None: no budget."""
    drop_archives: bool = False
    """A newer announcement without the service is stored and ends hosting."""
