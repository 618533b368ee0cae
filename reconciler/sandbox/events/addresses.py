"""Addresses: what makes two events versions of one another (NIP-01), and deletes both (NIP-09)."""

from __future__ import annotations

from reconciler.nostr import kinds
from reconciler.nostr.event import Event

Address = tuple[int, str, str]
"""Kind, pubkey and `d` of a replaceable or addressable event; `d` is empty for the former."""


def address_of(event: Event) -> Address | None:
    """(kind, pubkey, d) of a replaceable or addressable event (NIP-01), else None."""
    if kinds.is_addressable(event.kind):
        return event.kind, event.pubkey, event.first("d") or ""
    return (event.kind, event.pubkey, "") if kinds.is_replaceable(event.kind) else None


def own_addresses(deletion: Event) -> tuple[Address, ...]:
    """The addresses that a kind 5 names and that belong to its author."""
    return tuple(found for found in named_addresses(deletion) if found[1] == deletion.pubkey)


def named_addresses(deletion: Event) -> tuple[Address, ...]:
    """All addresses that a kind 5 names, whoever they belong to."""
    found = []
    for value in deletion.values("a"):
        kind, _, rest = value.partition(":")
        pubkey, _, d = rest.partition(":")
        if kind.isascii() and kind.isdigit() and len(kind) <= 5:
            found.append((int(kind), pubkey, d))
    return tuple(found)
