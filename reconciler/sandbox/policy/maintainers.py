"""Who may speak for a repository on a server: the recursive closure of `maintainers` tags (v1), or
of roles that are answered (v3).

Pure. Announcements of one identifier in, sets of pubkeys out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from reconciler.nostr.event import is_hex32, newest_first
from reconciler.nostr.nip34 import Announcement, Coordinate


@dataclass(frozen=True, slots=True)
class Announced:
    """The newest announcement of every owner of one identifier, stored or in purgatory. With
    `roles`, M and m tags invite, and who is invited counts once it names a maintainer back; with
    `all_tags`, every `maintainers` tag does, and not the first alone."""

    identifier: str
    by_owner: Mapping[str, Announcement]
    roles: bool = False
    all_tags: bool = False

    @property
    def repositories(self) -> tuple[Coordinate, ...]:
        """All that are announced, by owner."""
        return tuple(Coordinate(owner, self.identifier) for owner in sorted(self.by_owner))

    def authority(self, owner: str) -> frozenset[str]:
        """The owner and all whom the announcements invite, step by step; without roles, leaves
        need none of their own.

        Empty when the owner announced nothing: nobody may push there.
        """
        if owner not in self.by_owner:
            return frozenset()
        found: set[str] = set()
        new = {owner}
        while new:
            found |= new
            named = {pubkey for member in found for pubkey in self._invited(member)} - found
            new = {pubkey for pubkey in named if self._joins(pubkey, found)}
        return frozenset(found)

    def owners_for(self, author: str) -> tuple[str, ...]:
        """The owners whose repository follows this author's states, sorted."""
        return tuple(sorted(o for o in self.by_owner if author in self.authority(o)))

    def invites(self, pubkey: str, *, own_counts: bool) -> bool:
        """Does an announcement list this pubkey as a maintainer? With `own_counts`, an earlier
        announcement of its own is enough."""
        others = (owner for owner in self.by_owner if owner != pubkey)
        return (own_counts and pubkey in self.by_owner) or any(
            pubkey in self._invited(owner) for owner in others
        )

    def _invited(self, owner: str) -> tuple[str, ...]:
        announcement = self.by_owner.get(owner)
        if announcement is None:
            return ()
        return (
            announcement.maintainers
            if self.roles
            else invited(announcement, all_tags=self.all_tags)
        )

    def _joins(self, pubkey: str, members: set[str]) -> bool:
        """Is an invitation enough, or is it answered?"""
        return not self.roles or not members.isdisjoint(self._invited(pubkey))


def announced(
    identifier: str,
    known: Iterable[Announcement],
    *,
    roles: bool = False,
    all_tags: bool = False,
) -> Announced:
    """Gather announcements of one identifier; of one owner's the newest counts."""
    by_owner: dict[str, Announcement] = {}
    for one in sorted(known, key=lambda a: newest_first(a.event)):
        by_owner.setdefault(one.coordinate.owner, one)
    return Announced(identifier, MappingProxyType(by_owner), roles, all_tags)


def invited(announcement: Announcement, *, all_tags: bool = False) -> tuple[str, ...]:
    """The pubkeys in the first `maintainers` tag, or in all of them: role tags are not read by v1
    servers."""
    tags = [tag[1:] for tag in announcement.event.tags if tag and tag[0] == "maintainers"]
    return tuple(
        pubkey for tag in tags[: None if all_tags else 1] for pubkey in tag if is_hex32(pubkey)
    )
