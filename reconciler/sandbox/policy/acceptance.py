"""Which events a GRASP server takes (GRASP-01), and who its clients are (NIP-42), as pure policy
over a narrow view of the store.

A refusal is the text of the OK message, in the family's words. What happens to an accepted event
is `admission`'s part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import unquote

from reconciler.errors import PeerFault
from reconciler.nostr import addresses, kinds, urls
from reconciler.nostr.event import Event, is_hex32
from reconciler.nostr.nip34 import Announcement, Coordinate, parse_coordinate
from reconciler.sandbox.family.rules import AddressRule, EventRules, Family, ListingRule, Relation
from reconciler.sandbox.family.words import AuthWords

AUTH: Final = 22_242
"""The kind that proves a client's identity (NIP-42)."""
AUTH_SECONDS: Final = 600
"""How far an answer's created_at may be from now (NIP-42: about 10 minutes)."""
_BY_ID = ("e", "E", "q")
_BY_ADDRESS = ("a", "A", "q")


class Facts(Protocol):
    """What the policy may ask of the stored events; purgatory does not count."""

    def has(self, event_id: str) -> bool:
        """Is this event stored?"""

    def kind_of(self, event_id: str) -> int | None:
        """The kind of a stored event."""

    def has_address(self, kind: int, pubkey: str, d: str) -> bool:
        """Is a version of this replaceable event stored?"""

    def is_named(self, tag_names: tuple[str, ...], value: str) -> bool:
        """Does a stored event carry one of these tags with this value?"""


def unfit(rules: EventRules, event: Event, *, now: float, author_present: bool) -> str | None:
    """Why the relay does not take the event at all, whatever it relates to: protected (NIP-70),
    expired (NIP-40), or beyond what the family allows in time, tags and content.

    Args:
        author_present: its author has authenticated on this connection (NIP-42).
    """
    if event.is_protected and not (rules.protected and author_present):
        return rules.protected or rules.words.protected_by_all
    if rules.expires and event.expires is not None and event.expires <= now:
        return rules.words.expired
    if rules.future_seconds is not None and event.created_at > now + rules.future_seconds:
        return rules.words.future
    most = rules.tag_value_chars
    if most is not None and any(_is_large(tag, most) for tag in event.tags):
        return rules.words.large_tags
    size, most = len(event.content.encode()), rules.content_bytes
    if most is not None and size > most:
        return rules.words.large_content.format(size=size, most=most)
    return None


def auth_refusal(
    words: AuthWords, event: Event, *, challenge: str, server: str, now: float
) -> str | None:
    """Why a verified event does not prove that its author is on this connection (NIP-42)."""
    if event.kind != AUTH:
        return words.kind.format(kind=event.kind)
    if abs(event.created_at - now) > AUTH_SECONDS:
        return words.time
    if event.first("challenge") != challenge:
        return words.challenge
    try:
        meant = urls.canonical(event.first("relay") or "")
    except PeerFault:
        return words.no_relay
    return None if meant == server else words.relay


def lists_service(family: Family, announcement: Announcement, server: str) -> bool:
    """Does the announcement list this server in both `clone` and `relays`?

    Args:
        family: says how strictly it is read.
        announcement: the announcement.
        server: this server's canonical URL.
    """
    domain = server.partition("://")[2]
    match family.announcements.listing:
        case ListingRule.CANONICAL:
            return server in announcement.servers()
        case ListingRule.EXACT:
            return server in announcement.servers() and _names_exactly(announcement, server)
        case ListingRule.SUBSTRING:
            return _both_hold(announcement, domain)
        case ListingRule.URL_SUBSTRING:
            return _both_hold(announcement, f"://{domain}")
        case ListingRule.NONE:
            return True


def announcement_refusal(
    family: Family, announcement: Announcement, *, listed: bool, invited: bool
) -> str | None:
    """Why an announcement is refused.

    Args:
        listed: it lists the service, or is archived.
        invited: an announcement of this identifier is by the author or lists the author as a
            maintainer; then it need not list the service.
    """
    rules, words = family.announcements, family.events.words
    clones = [tag for tag in announcement.event.tags if tag and tag[0] == "clone"]
    if rules.one_clone_tag and len(clones) > 1:
        return words.clone_tags
    if listed or (rules.maintainer_exception and invited) or rules.unlisted_stored:
        return None
    return words.unlisted.format(
        clone=", ".join(announcement.clone), relays=", ".join(announcement.relays)
    )


def other_refusal(
    rules: EventRules, event: Event, facts: Facts, hosts: Callable[[Coordinate], bool]
) -> str | None:
    """Why an event that is neither announcement nor state is refused: it relates to nothing here.

    Args:
        hosts: is there a repository of this coordinate?
    """
    if event.kind in rules.always or rules.relation is Relation.ANY:
        return None
    hosted_only = rules.relation is Relation.HOSTED
    if _is_hosted(event, facts, hosts) if hosted_only else is_related(rules, event, facts):
        return None
    is_pull = event.kind in kinds.PULLS
    return rules.words.unrelated_pull if is_pull else rules.words.unrelated


def is_related(rules: EventRules, event: Event, facts: Facts) -> bool:
    """Does it tag a stored event, or is it tagged by one (a, A, q by address; e, E, q by id)?"""
    for name in _BY_ADDRESS:
        if any(_address_stored(rules, value, facts) for value in event.values(name)):
            return True
    for name in _BY_ID:
        if any(is_hex32(value) and facts.has(value) for value in event.values(name)):
            return True
    if facts.is_named(_BY_ID, event.id):
        return True
    address = _called(rules, event)
    return address is not None and facts.is_named(_BY_ADDRESS, address)


def _is_hosted(event: Event, facts: Facts, hosts: Callable[[Coordinate], bool]) -> bool:
    """grasp-gitea: an `a` of a hosted repository, or an e/E of a stored root."""
    if any(found and hosts(found) for found in map(parse_coordinate, event.values("a"))):
        return True
    ids = (*event.values("e"), *event.values("E"))
    return any(is_hex32(value) and facts.kind_of(value) in kinds.ROOTS for value in ids)


def _address_stored(rules: EventRules, value: str, facts: Facts) -> bool:
    found = addresses.parse(value)
    if found is None or (rules.addresses is AddressRule.PLAIN and ":" in found.d):
        return False
    d = found.d.partition(":")[0] if rules.addresses is AddressRule.CUT else found.d
    return facts.has_address(found.kind, found.pubkey, d)


def _called(rules: EventRules, event: Event) -> str | None:
    """The address by which others name it; None: they cannot."""
    if kinds.is_replaceable(event.kind):
        form = rules.replaceable_address
        return form.format(kind=event.kind, pubkey=event.pubkey) or None
    address = addresses.address_of(event)
    return str(address) if address else None


def _both_hold(announcement: Announcement, text: str) -> bool:
    return _any_holds(announcement.clone, text) and _any_holds(announcement.relays, text)


def _any_holds(values: tuple[str, ...], text: str) -> bool:
    return any(text in url.rstrip("/") for url in values)


def _names_exactly(announcement: Announcement, server: str) -> bool:
    owner, identifier = announcement.coordinate.owner, announcement.coordinate.identifier
    wanted = unquote(urls.clone(server, owner, identifier))
    return any(unquote(url.rstrip("/")) == wanted for url in announcement.clone)


def _is_large(tag: tuple[str, ...], most: int) -> bool:
    return len(tag) > 1 and len(tag[0]) == 1 and len(tag[1]) > most
