"""Answers with too few events, or too many, and no word about it.

What is hidden from a REQ is hidden from COUNT and NEG-OPEN alike.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

from reconciler.nostr import bip340, kinds
from reconciler.nostr.event import Draft, seal
from reconciler.nostr.messages import Count, NegOpen, Req
from reconciler.nostr.strictjson import Json, dumps, loads
from reconciler.sandbox.faults import Effect, Fault, Faults, Stage
from reconciler.sandbox.service import Service
from reconciler.sandbox.wire.questions import Questions


class FaultyQuestions(Questions):
    """Each question is struck by its message's name and its own, as `REQ news`."""

    def __init__(self, service: Service, faults: Faults) -> None:
        super().__init__(service)
        self._faults = faults

    def answer(self, asked: Req) -> list[str]:
        """As a healthy one, then changed."""
        name = f"REQ {asked.subscription}"
        fault = self._faults.strike(Stage.QUERY, Stage.REQ, message=name)
        found = super().answer(asked)
        if fault and fault.effect is Effect.FLOOD:
            return [*_noise(fault.value, int(self._service.clock())), *found]
        return _shown(found, fault) if fault else found

    def count(self, asked: Count) -> int:
        """Only what would be shown."""
        fault = self._faults.strike(Stage.QUERY, message=f"COUNT {asked.subscription}")
        if fault is None:
            return super().count(asked)
        filters = tuple(replace(one, limit=None) for one in asked.filters)
        return len(_shown(self._texts(filters), fault))

    def pairs(self, asked: NegOpen, most: int) -> list[tuple[int, str]]:
        """Only what would be shown."""
        fault = self._faults.strike(Stage.QUERY, message=f"NEG-OPEN {asked.subscription}")
        if fault is None:
            return super().pairs(asked, most)
        service, one = self._service, (asked.filter,)
        texts = service.store.texts(one, now=service.clock(), default=most, most=most)
        shown = map(loads, _shown(texts, fault))
        return [(event["created_at"], event["id"]) for event in shown]


def _shown(texts: list[str], fault: Fault) -> list[str]:
    """What a fault leaves of the events that were found."""
    match fault.effect:
        case Effect.CAP:
            return texts[: fault.value]
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
