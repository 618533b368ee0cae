"""NIP-11 relay information, as far as a reconciler needs it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.nostr.strictjson import Json, loads


@dataclass(frozen=True, slots=True)
class RelayInfo:
    """What a server says of itself; hints only, since families differ in what they fill in."""

    software: str = ""
    version: str = ""
    grasps: tuple[str, ...] = ()
    nips: tuple[int, ...] = ()
    max_limit: int | None = None


def parse(body: bytes) -> RelayInfo:
    """Read the document; fields of the wrong type count as absent.

    Raises:
        PeerFault: not a JSON object.
    """
    raw = loads(body, floats=True)
    if not isinstance(raw, dict):
        raise PeerFault("the NIP-11 document is not an object")
    limitation = raw.get("limitation")
    limit = limitation.get("max_limit") if isinstance(limitation, dict) else None
    return RelayInfo(
        software=_text(raw.get("software")),
        version=_text(raw.get("version")),
        grasps=tuple(g for g in _list(raw.get("supported_grasps")) if isinstance(g, str)),
        nips=tuple(n for n in _list(raw.get("supported_nips")) if type(n) is int),
        max_limit=limit if type(limit) is int and limit > 0 else None,
    )


def _text(value: Json) -> str:
    return value[:200] if isinstance(value, str) else ""


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
