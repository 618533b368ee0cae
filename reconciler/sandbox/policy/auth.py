"""NIP-42: who a client is. Pure but for the challenge, which only has to be unknown to others."""

from __future__ import annotations

from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr import urls
from reconciler.nostr.event import Event
from reconciler.sandbox.family.words import AuthWords

KIND: Final = 22_242
WINDOW_SECONDS: Final = 600
"""How far an answer's created_at may be from now (NIP-42: about 10 minutes)."""


def refusal(
    words: AuthWords, event: Event, *, challenge: str, server: str, now: float
) -> str | None:
    """Why a verified event does not prove that its author is on this connection."""
    if event.kind != KIND:
        return words.kind.format(kind=event.kind)
    if abs(event.created_at - now) > WINDOW_SECONDS:
        return words.time
    if event.first("challenge") != challenge:
        return words.challenge
    try:
        meant = urls.canonical(event.first("relay") or "")
    except PeerFault:
        return words.no_relay
    return None if meant == server else words.relay
