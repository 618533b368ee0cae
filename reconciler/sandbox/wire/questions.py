"""What a question is answered with: the family's caps without a word about them, and query faults.
A fault that hides events hides them from REQ, COUNT and NEG-OPEN alike."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from reconciler.nostr import bip340, kinds
from reconciler.nostr.event import Draft, seal
from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import Json, dumps, loads
from reconciler.sandbox.events.store import Store
from reconciler.sandbox.family.rules import RelayLimits
from reconciler.sandbox.faults import Effect, Fault
from reconciler.sandbox.service import Service

_NO_CAP: Final = 2**31


def answer(service: Service, filters: tuple[Filter, ...], fault: Fault | None) -> list[str]:
    """JSON texts of the events to send. Blocking."""
    limits = service.dialect.limits
    asked = tuple(replace(one, limit=limit(limits, one)) for one in filters)
    found = service.store.texts(asked, now=service.clock(), default=_NO_CAP, most=_NO_CAP)
    if fault and fault.effect is Effect.FLOOD:
        return [*_noise(fault.value, int(service.clock())), *found]
    return _shown(found, fault)


def count(service: Service, filters: tuple[Filter, ...], fault: Fault | None) -> int:
    """How many events match; limits do not count. Blocking."""
    now = service.clock()
    if fault is None:
        return service.store.count(filters, now=now)
    asked = tuple(replace(one, limit=None) for one in filters)
    return len(_shown(service.store.texts(asked, now=now, default=_NO_CAP, most=_NO_CAP), fault))


def pairs(
    store: Store, one: Filter, fault: Fault | None, *, now: float, most: int
) -> list[tuple[int, str]]:
    """created_at and id of what a NIP-77 conversation is about, at most so many. Blocking."""
    if fault is None:
        return store.pairs(one, now=now, most=most)
    texts = _shown(store.texts((one,), now=now, default=most, most=most), fault)
    return [(event["created_at"], event["id"]) for event in map(loads, texts)]


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


def _shown(texts: list[str], fault: Fault | None) -> list[str]:
    """What a fault leaves of the events that were found."""
    match fault.effect if fault else Effect.NONE:
        case Effect.CAP:
            return texts[: fault.value] if fault else texts
        case Effect.HIDE_STATE:
            return _without_newest_states(texts)
        case _:
            return texts


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
