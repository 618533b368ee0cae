"""NIP-42: who a client is. Pure but for the challenge, which only has to be unknown to others."""

from __future__ import annotations

from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr import urls
from reconciler.nostr.event import Event

KIND: Final = 22_242
WINDOW_SECONDS: Final = 600
"""How far an answer's created_at may be from now (NIP-42: about 10 minutes)."""


def refusal(event: Event, *, challenge: str, server: str, now: float) -> str | None:
    """Why a verified event does not prove that its author is on this connection."""
    if event.kind != KIND:
        return f"invalid: kind {event.kind} is no authentication"
    if abs(event.created_at - now) > WINDOW_SECONDS:
        return "invalid: created_at is too far from now"
    if event.first("challenge") != challenge:
        return "invalid: another challenge"
    try:
        meant = urls.canonical(event.first("relay") or "")
    except PeerFault:
        return "invalid: the relay tag is no URL"
    return None if meant == server else "invalid: another relay"
