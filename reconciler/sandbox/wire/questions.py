"""What a REQ is answered with: the family's caps without a word about them, and query faults."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from reconciler.nostr import bip340, kinds
from reconciler.nostr.event import Draft, seal
from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import Json, dumps, loads
from reconciler.sandbox.family.dialect import RelayLimits
from reconciler.sandbox.faults import Effect, Fault
from reconciler.sandbox.service import Service

_NO_CAP: Final = 2**31


def answer(service: Service, filters: tuple[Filter, ...], fault: Fault | None) -> list[str]:
    """JSON texts of the events to send. Blocking."""
    limits = service.dialect.limits
    asked = tuple(replace(one, limit=limit(limits, one)) for one in filters)
    found = service.store.texts(asked, now=service.clock(), default=_NO_CAP, most=_NO_CAP)
    match fault.effect if fault else Effect.NONE:
        case Effect.CAP:
            return found[: fault.value] if fault else found
        case Effect.HIDE_STATE:
            return _without_newest_states(found)
        case Effect.FLOOD:
            return [*_noise(fault.value if fault else 0, int(service.clock())), *found]
        case _:
            return found


def limit(limits: RelayLimits, one: Filter) -> int:
    """How many events a filter gets at most."""
    if limits.closes_found_ids and one.ids:
        return len(one.ids)
    if one.limit is None:
        return limits.default_limit
    too_much = limits.max_limit is not None and one.limit > limits.max_limit
    return limits.over_limit if too_much else one.limit


def is_complete(limits: RelayLimits, filters: tuple[Filter, ...], found: int) -> bool:
    """Does the relay close the question by itself, because every id was found (ngit-grasp)?"""
    if not limits.closes_found_ids or not all(one.ids for one in filters):
        return False
    return found >= len({i for one in filters for i in one.ids})


def _without_newest_states(texts: list[str]) -> list[str]:
    """The newest state of each identifier is left out; so an older maintainer's may show."""
    newest: dict[str, tuple[int, str]] = {}
    for text in texts:
        event = loads(text)
        if event["kind"] == kinds.STATE:
            name = _identifier(event)
            newest[name] = max(newest.get(name, (-1, "")), (event["created_at"], text))
    hidden = {text for _, text in newest.values()}
    return [text for text in texts if text not in hidden]


def _identifier(event: Json) -> str:
    return next((str(tag[1]) for tag in event["tags"] if tag[:1] == ["d"] and len(tag) > 1), "")


def _noise(count: int, now: int) -> Iterator[str]:
    """Valid events of a stranger that nobody asked for."""
    secret = secrets.token_bytes(32)
    pubkey = bip340.public_key(secret).hex()
    for number in range(count):
        draft = Draft(pubkey, now, kinds.NOTE, (), f"noise {number}")
        event = seal(draft, bip340.sign(secret, bytes.fromhex(draft.id)))
        yield dumps(event.to_json())
