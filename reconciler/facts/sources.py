"""Which repositories are adopted from a source, and which were never announced. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import Selection
from reconciler.facts.signing import may_sign
from reconciler.git.refname import HEADS, is_branch_or_tag
from reconciler.model.desired import Desired, Source
from reconciler.model.observed import Listing, Seen
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import Coordinate


def adopted(desired: Desired, coordinate: Coordinate) -> Source | None:
    """The source from which states of this repository are signed; None: they are followed."""
    npub, source = desired.npub(coordinate.owner), desired.source(coordinate)
    wanted = npub is not None and npub.signer and npub.wants(coordinate.identifier)
    return source if wanted and source and source.adopt else None


def unannounced(
    desired: Desired, known: Knowledge, selection: Selection, seen: Iterable[Seen]
) -> tuple[Coordinate, ...]:
    """Repositories with a source to adopt that were never announced, in stable order.

    One that was deleted, that stands in a form which cannot be followed, or that an earlier run saw
    is none of them: announcing it again is a person's decision.
    """
    marked = {mark.coordinate for mark in seen}
    wanted = {c for c, _ in desired.sources if adopted(desired, c) and may_sign(desired, c.owner)}
    fresh = (c for c in wanted - known.announcements.keys() - marked if not traces(c, known))
    return tuple(sorted(selection.taken(fresh)))


def traces(coordinate: Coordinate, known: Knowledge) -> bool:
    """Did the owner announce it, or delete it, as far as any known event tells?"""
    events = (known.events[i] for i in known.children.get(str(coordinate), ()))
    kind = (kinds.ANNOUNCEMENT, kinds.DELETION)
    return any(e.pubkey == coordinate.owner and e.kind in kind for e in events)


def main_branch(listing: Listing) -> str | None:
    """The branch that HEAD names; of a host that does not say, the likeliest one."""
    branches = [name for name in branches_and_tags(listing) if name.startswith(HEADS)]
    likely = (listing.head, HEADS + "main", HEADS + "master", *branches)
    return next((name for name in likely if name in branches), None)


def branches_and_tags(listing: Listing) -> dict[str, str]:
    """What of a listing a state can name (NIP-34)."""
    return {name: oid for name, oid in listing.refs if is_branch_or_tag(name)}
