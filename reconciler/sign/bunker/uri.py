"""Connection strings (NIP-46): `bunker://` from a remote signer, `nostrconnect://` for one. Both
hold a secret, so that no message quotes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from reconciler.errors import PeerFault
from reconciler.limits import URL_CHARS
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import is_hex32

PERMISSIONS = f"sign_event:{kinds.ANNOUNCEMENT},sign_event:{kinds.STATE}"
"""All that is ever asked for: never encryption, never another kind."""
NAME = "GRASP reconciler"
_RELAYS = 10
_SECRET_CHARS = 256


@dataclass(frozen=True, slots=True)
class Bunker:
    """Where a remote signer listens. `relays` are canonical web URLs (`nostr.urls`); `secret` is
    good for one connection."""

    remote: str
    relays: tuple[str, ...]
    secret: str = field(default="", repr=False)


def parse_bunker(text: str) -> Bunker:
    """Read a `bunker://` string.

    Raises:
        PeerFault: it is none; no message holds a part of it.
    """
    if len(text) > URL_CHARS * _RELAYS or not text.isascii():
        raise PeerFault("the connection string is too long, or holds odd characters")
    parts = urlsplit(text.strip())
    if parts.scheme != "bunker" or not is_hex32(parts.netloc.lower()):
        raise PeerFault("the connection string is not bunker://<64 hex digits>?relay=…")
    query = parse_qs(parts.query, keep_blank_values=True)
    relays = _relays(query.get("relay", []))
    secret = query.get("secret", [""])[0]
    if not relays or len(relays) > _RELAYS or len(secret) > _SECRET_CHARS:
        raise PeerFault(f"the connection string names no relay, or more than {_RELAYS}")
    return Bunker(parts.netloc.lower(), relays, secret)


def invitation(client: str, relays: Sequence[str], secret: str) -> str:
    """The `nostrconnect://` string that a remote signer is given.

    Args:
        client: our pubkey for this pairing, hex.
        relays: canonical web URLs.
        secret: what the answer must repeat.
    """
    query = [("relay", urls.relay(relay)) for relay in relays]
    query += [("secret", secret), ("perms", PERMISSIONS), ("name", NAME)]
    return f"nostrconnect://{client}?{urlencode(query, quote_via=quote, safe='')}"


def _relays(texts: Sequence[str]) -> tuple[str, ...]:
    found = []
    for text in texts:
        try:
            found.append(urls.canonical(text))
        except PeerFault:
            raise PeerFault("the connection string names a relay that is none") from None
    return tuple(dict.fromkeys(found))
