"""What a question is answered with: stored events, within the family's caps, which say nothing of
themselves. Blocking, in worker threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Count, NegOpen, Req
from reconciler.sandbox.family.rules import RelayLimits
from reconciler.sandbox.service import Service

NO_CAP: Final = 2**31


class Questions:
    """What one server answers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, asked: Req) -> list[str]:
        """JSON texts of the events to send."""
        limits = self._service.family.limits
        return self._texts(tuple(replace(f, limit=limit(limits, f)) for f in asked.filters))

    def count(self, asked: Count) -> int:
        """How many events match (NIP-45); limits do not count."""
        return self._service.store.count(asked.filters, now=self._service.clock())

    def pairs(self, asked: NegOpen, most: int) -> list[tuple[int, str]]:
        """created_at and id of what a NIP-77 conversation is about, at most so many."""
        return self._service.store.pairs(asked.filter, now=self._service.clock(), most=most)

    def _texts(self, filters: tuple[Filter, ...]) -> list[str]:
        now = self._service.clock()
        return self._service.store.texts(filters, now=now, default=NO_CAP, most=NO_CAP)


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
