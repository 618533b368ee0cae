"""Which events a GRASP server takes (GRASP-01), as pure policy over a narrow view of the store.

A refusal is the text of the OK message. What happens to an accepted event is `admission`'s part.
"""

from __future__ import annotations

from typing import Protocol

from reconciler.nostr import kinds
from reconciler.nostr.event import Event, is_hex32
from reconciler.nostr.nip34 import Announcement
from reconciler.sandbox.dialect import Dialect, Listing
from reconciler.sandbox.query import expires_at

PARKED = "purgatory: won't be served until git data arrives"
PARKED_TWICE = "duplicate: in purgatory"
STORED_TWICE = "duplicate: already have this event"
DELETED = "blocked: this event is deleted"
NO_ANNOUNCEMENT = "invalid: no announcement exists for this repository"
NOT_AUTHORISED = "invalid: author not authorized for this repository"

_BY_ID = ("e", "E", "q")
_BY_ADDRESS = ("a", "A", "q")


class Facts(Protocol):
    """What the policy may ask of the stored events; purgatory does not count."""

    def has(self, event_id: str) -> bool:
        """Is this event stored?"""

    def has_address(self, kind: int, pubkey: str, d: str) -> bool:
        """Is a version of this replaceable event stored?"""

    def is_named(self, tag_names: tuple[str, ...], value: str) -> bool:
        """Does a stored event carry one of these tags with this value?"""


def unfit(event: Event, *, now: float) -> str | None:
    """Why no relay here takes the event at all: protected (NIP-70) or expired (NIP-40)."""
    if any(tag == ("-",) for tag in event.tags):
        return "blocked: event marked as protected"
    expires = expires_at(event)
    return "blocked: event is expired" if expires is not None and expires <= now else None


def lists_service(dialect: Dialect, announcement: Announcement, server: str) -> bool:
    """Does the announcement list this server in both `clone` and `relays`?

    Args:
        dialect: says how strictly it is read.
        announcement: the announcement.
        server: this server's canonical URL.
    """
    if dialect.listing is Listing.CANONICAL:
        return server in announcement.servers()
    domain = server.partition("://")[2]
    return _any_holds(announcement.clone, domain) and _any_holds(announcement.relays, domain)


def announcement_refusal(
    dialect: Dialect, announcement: Announcement, server: str, *, invited: bool
) -> str | None:
    """Why an announcement is refused.

    Args:
        invited: an announcement of this identifier is by the author or lists the author as a
            maintainer; then it need not list the service.
    """
    clones = [tag for tag in announcement.event.tags if tag and tag[0] == "clone"]
    if dialect.one_clone_tag and len(clones) > 1:
        return "Invalid announcement: multiple clone tags found, put all URLs into one"
    if lists_service(dialect, announcement, server):
        return None
    if dialect.maintainer_exception and invited:
        return None
    return (
        "Announcement must list service in both 'clone' and 'relays' tags,"
        f" or match archive whitelist. Found clone URLs: {', '.join(announcement.clone)};"
        f" relays: {', '.join(announcement.relays)}"
    )


def other_refusal(event: Event, facts: Facts) -> str | None:
    """Why an event that is neither announcement nor state is refused: it relates to nothing here.

    Deletions and GRASP lists (10317) are taken from everybody.
    """
    if event.kind in (kinds.DELETION, kinds.GRASP_LIST) or is_related(event, facts):
        return None
    what = "PR event" if event.kind in kinds.PULLS else "Event event"
    return f"{what} must reference an accepted repository or accepted event"


def is_related(event: Event, facts: Facts) -> bool:
    """Does it tag a stored event, or is it tagged by one (a, A, q by address; e, E, q by id)?"""
    for name in _BY_ADDRESS:
        if any(_address_stored(value, facts) for value in event.values(name)):
            return True
    for name in _BY_ID:
        if any(is_hex32(value) and facts.has(value) for value in event.values(name)):
            return True
    if facts.is_named(_BY_ID, event.id):
        return True
    address = _address_text(event)
    return address is not None and facts.is_named(_BY_ADDRESS, address)


def _address_stored(value: str, facts: Facts) -> bool:
    kind, _, rest = value.partition(":")
    pubkey, _, d = rest.partition(":")
    if not (kind.isascii() and kind.isdigit() and len(kind) <= 5 and is_hex32(pubkey)):
        return False
    return facts.has_address(int(kind), pubkey, d)


def _address_text(event: Event) -> str | None:
    if kinds.is_addressable(event.kind):
        return f"{event.kind}:{event.pubkey}:{event.first('d') or ''}"
    return f"{event.kind}:{event.pubkey}:" if kinds.is_replaceable(event.kind) else None


def _any_holds(urls: tuple[str, ...], domain: str) -> bool:
    return any(domain in url.rstrip("/") for url in urls)
