"""Made-up owners with real keys, fresh in every scene."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from reconciler.nostr import bip340, nip19
from reconciler.nostr.event import Draft, Event, Tags, seal


@dataclass(frozen=True, slots=True)
class Person:
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


def new(name: str) -> Person:
    """Somebody new."""
    return Person(name, secrets.token_bytes(32))
