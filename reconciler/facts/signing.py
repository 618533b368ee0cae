"""When an announcement may be signed anew: what must have been read before. Pure."""

from __future__ import annotations

from reconciler.errors import PeerFault
from reconciler.model.desired import Desired
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Announcement


def may_sign(desired: Desired, pubkey: str) -> bool:
    """Does the desired state name a signer for this owner, and let it sign announcements?"""
    npub = desired.npub(pubkey)
    return bool(npub and npub.signer) and desired.policies.announcements == "update"


def may_sign_states(desired: Desired, pubkey: str) -> bool:
    """Does the desired state name a signer for this owner?"""
    npub = desired.npub(pubkey)
    return bool(npub and npub.signer)


def witnesses(desired: Desired, announcement: Announcement) -> frozenset[str]:
    """Relays to read before this announcement, or a state, is signed anew (canonical web form):
    all that it names. Empty where nothing is to be signed: it lists all allowed servers and no
    source is adopted, or nobody may sign.
    """
    coordinate = announcement.coordinate
    source = desired.source(coordinate)
    if source and source.adopt and may_sign_states(desired, coordinate.owner):
        return frozenset() if announcement.private else relays(announcement)
    allowed = {server.url for server in desired.allowed(coordinate)}
    if allowed <= announcement.servers() or announcement.private:
        return frozenset()
    return relays(announcement) if may_sign(desired, coordinate.owner) else frozenset()


def relays(announcement: Announcement) -> frozenset[str]:
    """The relays that an announcement names, in canonical web form; unreadable ones are left out:
    nobody can publish there either."""
    found = set()
    for url in announcement.relays:
        try:
            found.add(urls.canonical(url))
        except PeerFault:
            continue
    return frozenset(found)
