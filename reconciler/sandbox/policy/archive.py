"""GRASP-05: which repositories an archive takes although their announcements do not list it.

A whitelist entry is `npub`, `npub/identifier` or `identifier`. Pure; made once at the start, so a
mistake in an entry is the operator's and stops the start.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import OurFault, PeerFault
from reconciler.nostr import nip19
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.family.words import ArchiveWords


@dataclass(frozen=True, slots=True)
class Whitelist:
    """Repositories by whitelist entries, read. Pairs are (owner or "", identifier or "")."""

    pairs: frozenset[tuple[str, str]]

    def holds(self, coordinate: Coordinate) -> bool:
        """Is it selected: by its owner, by its identifier, or by both?"""
        owner, identifier = coordinate.owner, coordinate.identifier
        wanted = {(owner, ""), ("", identifier), (owner, identifier)}
        return not self.pairs.isdisjoint(wanted)

    def __bool__(self) -> bool:
        return bool(self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What an operator set: `whitelist` for announcements that do not list the service,
    `everything` takes all of them, `read_only` refuses those that do list it and (where the family
    does so) every push; `repositories` narrows what is hosted, the blacklists exclude."""

    whitelist: tuple[str, ...] = ()
    everything: bool = False
    read_only: bool = False
    repositories: tuple[str, ...] = ()
    blocked_authors: tuple[str, ...] = ()
    blocked_repositories: tuple[str, ...] = ()

    def takes(self, coordinate: Coordinate) -> bool:
        """Is an announcement that does not list the service archived?"""
        return self.everything or whitelist(self.whitelist).holds(coordinate)

    def is_on(self) -> bool:
        """Is this an archive at all?"""
        return self.everything or bool(self.whitelist) or self.read_only

    def refusal(self, words: ArchiveWords, coordinate: Coordinate, *, listed: bool) -> str | None:
        """Why the operator refuses an announcement before any other rule is asked."""
        if whitelist(self.blocked_authors).holds(coordinate):
            return words.blocked_author
        if whitelist(self.blocked_repositories).holds(coordinate):
            return words.blocked_repository
        if not listed or self.takes(coordinate):
            return None
        if self.read_only:
            return words.read_only
        narrowed = whitelist(self.repositories)
        if narrowed and not narrowed.holds(coordinate):
            return words.not_chosen
        return None

    def check(self) -> None:
        """Read all entries once.

        Raises:
            OurFault: an entry holds something else than the three forms.
        """
        for entries in (
            self.whitelist,
            self.repositories,
            self.blocked_authors,
            self.blocked_repositories,
        ):
            whitelist(entries)

    def curation(self) -> str:
        """What NIP-11 says of it; empty when everybody is served."""
        if self.is_on():
            mode = "read-only archive" if self.read_only else "archive"
            return f"{mode} of {'everything' if self.everything else 'chosen repositories'}"
        return "chosen repositories only" if self.repositories else ""


def whitelist(entries: tuple[str, ...]) -> Whitelist:
    """Read whitelist entries.

    Raises:
        OurFault: one that begins with `npub1` is no npub, or one is empty.
    """
    return Whitelist(frozenset(map(_pair, entries)))


def _pair(entry: str) -> tuple[str, str]:
    first, slash, rest = entry.partition("/")
    if not entry or (slash and not rest):
        raise OurFault(f"whitelist entry {entry!r} is not npub, npub/identifier or identifier")
    if not first.startswith("npub1"):
        if slash:
            raise OurFault(f"whitelist entry {entry!r}: an identifier holds no slash")
        return "", entry
    try:
        return nip19.pubkey(first), rest
    except PeerFault as fault:
        raise OurFault(f"whitelist entry {entry!r}: {fault}") from None
