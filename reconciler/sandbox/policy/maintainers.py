"""Who may speak for a repository on a server: the recursive closure of `maintainers` tags (v1).

Pure. Announcements of one identifier in, sets of pubkeys out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from reconciler.nostr.event import is_hex32, newest_first
from reconciler.nostr.nip34 import Announcement


@dataclass(frozen=True, slots=True)
class Announced:
    """The newest announcement of every owner of one identifier, stored or in purgatory."""

    identifier: str
    by_owner: Mapping[str, Announcement]

    def authority(self, owner: str) -> frozenset[str]:
        """The owner and all whom the announcements invite, step by step; leaves need none.

        Empty when the owner announced nothing: nobody may push there.
        """
        if owner not in self.by_owner:
            return frozenset()
        found = {owner}
        pending = [owner]
        while pending:
            announcement = self.by_owner.get(pending.pop())
            new = set(invited(announcement)) - found if announcement else set()
            found |= new
            pending += new
        return frozenset(found)

    def owners_for(self, author: str) -> tuple[str, ...]:
        """The owners whose repository follows this author's states, sorted."""
        return tuple(sorted(o for o in self.by_owner if author in self.authority(o)))

    def invites(self, pubkey: str, *, own_counts: bool) -> bool:
        """Does an announcement list this pubkey as a maintainer? With `own_counts`, an earlier
        announcement of its own is enough."""
        others = (a for o, a in self.by_owner.items() if o != pubkey)
        return (own_counts and pubkey in self.by_owner) or any(pubkey in invited(a) for a in others)


def announced(identifier: str, known: Iterable[Announcement]) -> Announced:
    """Gather announcements of one identifier; of one owner's the newest counts."""
    by_owner: dict[str, Announcement] = {}
    for one in sorted(known, key=lambda a: newest_first(a.event)):
        by_owner.setdefault(one.coordinate.owner, one)
    return Announced(identifier, MappingProxyType(by_owner))


def invited(announcement: Announcement) -> tuple[str, ...]:
    """The pubkeys in the first `maintainers` tag; role tags (v3) are not read by these servers."""
    for tag in announcement.event.tags:
        if tag and tag[0] == "maintainers":
            return tuple(pubkey for pubkey in tag[1:] if is_hex32(pubkey))
    return ()
