"""Somebody with a key, made for one probe, and what they sign (NIP-01, NIP-34)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.nostr import bip340, kinds, urls
from reconciler.nostr.event import Draft, Event, Tag, seal

NOW = int(time.time()) - 1000
"""What probes date their events by, in seconds: a little ago, because servers mind the future."""


class Place(Protocol):
    """A GRASP server's two URLs."""

    @property
    def url(self) -> str:
        """http(s), without a slash at the end."""

    @property
    def relay_url(self) -> str:
        """ws(s)."""


@dataclass(frozen=True)
class Person:
    """Somebody with a key, which follows from the name: a secret one needs a random name."""

    name: str
    made: list[Event] = field(default_factory=list, compare=False, repr=False)
    """All that was signed, so that it can be taken back."""

    @property
    def secret(self) -> bytes:
        """32 bytes."""
        return hashlib.sha256(b"sandbox test " + self.name.encode()).digest()

    @property
    def pubkey(self) -> str:
        """Hex."""
        return bip340.public_key(self.secret).hex()

    def sign(self, kind: int, *tags: Tag, content: str = "", at: int = NOW) -> Event:
        """An event."""
        draft = Draft(self.pubkey, at, kind, tags, content)
        event = seal(draft, bip340.sign(self.secret, bytes.fromhex(draft.id)))
        self.made.append(event)
        return event

    def announce(
        self,
        server: Place,
        identifier: str,
        *maintainers: Person,
        at: int = NOW,
        extra: tuple[Tag, ...] = (),
    ) -> Event:
        """An announcement (kind 30617) that lists this server alone."""
        tags: list[Tag] = [
            ("d", identifier),
            ("clone", urls.clone(server.url, self.pubkey, identifier)),
            ("relays", server.relay_url),
        ]
        if maintainers:
            tags.append(("maintainers", *(m.pubkey for m in maintainers)))
        return self.sign(kinds.ANNOUNCEMENT, *tags, *extra, at=at)

    def state(
        self, identifier: str, refs: dict[str, str], *, head: str = "main", at: int = NOW
    ) -> Event:
        """A state (kind 30618)."""
        tags = [("d", identifier), *refs.items(), ("HEAD", f"ref: refs/heads/{head}")]
        return self.sign(kinds.STATE, *tags, at=at)

    def pull(self, owner: Person, identifier: str, commit: str, *, at: int = NOW) -> Event:
        """A pull request (kind 1618)."""
        address = f"{kinds.ANNOUNCEMENT}:{owner.pubkey}:{identifier}"
        return self.sign(kinds.PULL_REQUEST, ("a", address), ("c", commit), at=at)
