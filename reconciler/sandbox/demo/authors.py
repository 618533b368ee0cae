"""Made-up authors with fresh real keys, and what they sign: announcements, states and
collaboration events (NIP-34, NIP-22)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.nostr import bip340, kinds, nip19, urls
from reconciler.nostr.event import Draft, Event, Tags, seal
from reconciler.nostr.nip34 import Coordinate


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody with a key. The key is never shown; `nsec` is for a key file of the sandbox."""

    name: str
    secret: bytes = field(repr=False)

    @property
    def pubkey(self) -> str:
        """Hex."""
        return bip340.public_key(self.secret).hex()

    @property
    def npub(self) -> str:
        """NIP-19."""
        return nip19.npub(self.pubkey)

    def nsec(self) -> str:
        """NIP-19; for a file with mode 0600 only."""
        return nip19.encode("nsec", self.secret)

    def sign(self, kind: int, tags: Tags, *, at: int, content: str = "") -> Event:
        """An event by this person, `at` seconds since 1970."""
        draft = Draft(self.pubkey, at, kind, tags, content)
        return seal(draft, bip340.sign(self.secret, bytes.fromhex(draft.id)))


def new(name: str) -> Author:
    """Somebody new."""
    return Author(name, secrets.token_bytes(32))


def announce(
    owner: Author, identifier: str, servers: Sequence[str], *, at: int, root: str, **more: str
) -> Event:
    """A kind 30617 event that lists these servers; `root` is the earliest commit."""
    clone = tuple(urls.clone(server, owner.pubkey, identifier) for server in servers)
    tags = (
        ("d", identifier),
        ("name", identifier),
        ("description", f"{identifier}, a repository of the sandbox"),
        ("r", root, "euc"),
        ("clone", *clone),
        ("relays", *map(urls.relay, servers)),
        *more.items(),
    )
    return owner.sign(kinds.ANNOUNCEMENT, tags, at=at)


def declare(owner: Author, identifier: str, refs: Mapping[str, str], *, at: int) -> Event:
    """A kind 30618 event for these refs, with HEAD at main."""
    tags = (("d", identifier), *sorted(refs.items()), ("HEAD", "ref: refs/heads/main"))
    return owner.sign(kinds.STATE, tags, at=at)


def issue(author: Author, repository: Coordinate, subject: str, *, at: int) -> Event:
    """A kind 1621 event."""
    tags = (("a", str(repository)), ("p", repository.owner), ("subject", subject))
    return author.sign(kinds.ISSUE, tags, at=at, content=f"{subject}: it happens every time.")


def pull(author: Author, repository: Coordinate, tip: str, clone: str, *, at: int) -> Event:
    """A kind 1618 event whose commit will stand at refs/nostr/<its id>."""
    tags = (
        ("a", str(repository)),
        ("p", repository.owner),
        ("subject", "a better search"),
        ("c", tip),
        ("clone", clone),
    )
    return author.sign(kinds.PULL_REQUEST, tags, at=at, content="Please have a look.")


def comment(author: Author, root: Event, parent: Event, text: str, *, at: int) -> Event:
    """A kind 1111 event (NIP-22): capitals name the root, small letters the parent."""
    tags = (
        ("E", root.id, "", root.pubkey),
        ("K", str(root.kind)),
        ("P", root.pubkey),
        ("e", parent.id, "", parent.pubkey),
        ("k", str(parent.kind)),
        ("p", parent.pubkey),
    )
    return author.sign(kinds.COMMENT, tags, at=at, content=text)


def status(author: Author, repository: Coordinate, root: Event, kind: int, *, at: int) -> Event:
    """A kind 1630-1633 event."""
    tags = (("e", root.id, "", "root"), ("p", root.pubkey), ("a", str(repository)))
    return author.sign(kind, tags, at=at)
