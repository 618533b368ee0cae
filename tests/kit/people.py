"""Somebody with a key that follows from the name, and what they sign (NIP-01, NIP-34).

For tests with values: no clock is asked, times are seconds after `EPOCH`. Tests with servers take
their people from `kit.servers`, who date by today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.nostr import bip340, kinds, urls
from reconciler.nostr.event import Draft, Event, Tag, seal
from reconciler.nostr.nip34 import Coordinate

EPOCH = 1_700_000_000


@dataclass(frozen=True)
class Person:
    """Somebody with a key that follows from the name."""

    name: str

    @cached_property
    def secret(self) -> bytes:
        return hashlib.sha256(b"test key of " + self.name.encode()).digest()

    @cached_property
    def pubkey(self) -> str:
        return bip340.public_key(self.secret).hex()

    def sign(self, kind: int, *tags: Tag, content: str = "", at: int = 0) -> Event:
        draft = Draft(self.pubkey, EPOCH + at, kind, tags, content)
        return seal(draft, bip340.sign(self.secret, bytes.fromhex(draft.id)))

    def announce(
        self,
        identifier: str,
        servers: Iterable[str] = (),
        *,
        maintainers: Iterable[Person] = (),
        extra: Iterable[Tag] = (),
        at: int = 0,
    ) -> Event:
        listed = tuple(servers)
        tags: list[Tag] = [
            ("d", identifier),
            ("clone", *(urls.clone(url(s), self.pubkey, identifier) for s in listed)),
            ("relays", *(urls.relay(url(s)) for s in listed)),
        ]
        if invited := tuple(m.pubkey for m in maintainers):
            tags.append(("maintainers", *invited))
        return self.sign(kinds.ANNOUNCEMENT, *tags, *extra, at=at)

    def state(
        self,
        identifier: str,
        refs: Mapping[str, str],
        *,
        head: str = "refs/heads/main",
        extra: Iterable[Tag] = (),
        at: int = 0,
    ) -> Event:
        tags = (("d", identifier), *refs.items(), ("HEAD", f"ref: {head}"), *extra)
        return self.sign(kinds.STATE, *tags, at=at)

    def coordinate(self, identifier: str) -> Coordinate:
        return Coordinate(self.pubkey, identifier)


ALICE, BOB, CAROL, MALLORY = map(Person, ("alice", "bob", "carol", "mallory"))


PEOPLE = {person.name: person for person in (ALICE, BOB, CAROL, MALLORY)}


WIDGET = ALICE.coordinate("widget")


def url(server: str) -> str:
    """`alpha` is https://alpha.example; what is a URL already stays one."""
    return server if "://" in server else f"https://{server}.example"
