"""NIP-01 addresses: the name that all versions of a replaceable event share. Pure.

`<kind integer>:<32-bytes lowercase hex of a pubkey>:<d tag value>`; of a replaceable event that is
not addressable the last part is empty, and its colon stays. Addresses stand in `a`, `A` and `q`
tags, and in deletions (NIP-09).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from reconciler.nostr import kinds
from reconciler.nostr.event import Event, is_hex32

_KIND = re.compile(r"0|[1-9][0-9]{0,4}")


class Address(NamedTuple):
    """Kind, pubkey and `d` of a replaceable or addressable event; `d` is empty for the former."""

    kind: int
    pubkey: str
    d: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.pubkey}:{self.d}"


def address_of(event: Event) -> Address | None:
    """What the event is a version of; None when it is no version of anything.

    NIP-01: addressable events go "by their kind, pubkey and d tag value", and the value of a tag is
    its second item, so that an event without `d` goes by an empty one.
    """
    if kinds.is_addressable(event.kind):
        return Address(event.kind, event.pubkey, event.first("d") or "")
    return Address(event.kind, event.pubkey, "") if kinds.is_replaceable(event.kind) else None


def parse(text: str) -> Address | None:
    """The address that a tag's value is; None when it is none.

    One address has one spelling, because relays compare tag values letter by letter (NIP-01,
    filters): no leading zeros or signs, no capitals, both colons. `d` may hold colons of its own.
    """
    kind, _, rest = text.partition(":")
    pubkey, colon, d = rest.partition(":")
    if not (colon and _KIND.fullmatch(kind) and is_hex32(pubkey)):
        return None
    number = int(kind)
    if kinds.is_addressable(number) or (kinds.is_replaceable(number) and not d):
        return Address(number, pubkey, d)
    return None


def deleted_by(deletion: Event) -> tuple[Address, ...]:
    """The addresses that a kind 5 deletes: NIP-09, only those of its own author."""
    return tuple(found for found in named_by(deletion) if found.pubkey == deletion.pubkey)


def named_by(deletion: Event) -> tuple[Address, ...]:
    """All addresses that a kind 5 names in `a` (NIP-09), whoever they belong to."""
    return tuple(found for found in map(parse, deletion.values("a")) if found)
