"""NIP-01 filters: one question to a relay, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from reconciler.errors import PeerFault
from reconciler.nostr.event import Event, is_hex32
from reconciler.nostr.strictjson import Json

TagFilter = tuple[str, tuple[str, ...]]

LATEST: Final = 2**53
"""No event has this second or a later one (`event.verify`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions that must all hold; an empty tuple or None is no condition.

    `tags` pairs a single letter with the wanted values, for example `("d", ("widget",))`.
    `since` and `until` are seconds, both inclusive.
    """

    ids: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    kinds: tuple[int, ...] = ()
    tags: tuple[TagFilter, ...] = ()
    since: int | None = None
    until: int | None = None
    limit: int | None = None

    def matches(self, event: Event) -> bool:
        """Does the event fulfil every condition (`limit` apart)?"""
        return (
            (not self.ids or event.id in self.ids)
            and (not self.authors or event.pubkey in self.authors)
            and (not self.kinds or event.kind in self.kinds)
            and (self.since is None or event.created_at >= self.since)
            and (self.until is None or event.created_at <= self.until)
            and all(not set(event.values(name)).isdisjoint(wanted) for name, wanted in self.tags)
        )

    def page(self, *, until: int | None, limit: int) -> Filter:
        """The same question, for one page of its answer."""
        return replace(self, until=until, limit=limit)

    def since_then(self, moment: int) -> Filter:
        """The same question, of events from `moment` (seconds since 1970) on."""
        return replace(self, since=moment)

    def to_json(self) -> dict[str, Json]:
        """The NIP-01 object, without empty conditions."""
        lists = {"ids": self.ids, "authors": self.authors, "kinds": self.kinds}
        lists |= {f"#{name}": values for name, values in self.tags}
        numbers = {"since": self.since, "until": self.until, "limit": self.limit}
        return {k: list(v) for k, v in lists.items() if v} | {
            k: v for k, v in numbers.items() if v is not None
        }


def parse(raw: Json) -> Filter:
    """Read a filter object, as a relay must (NIP-01). Unknown keys are ignored.

    NIP-01 bounds no number. Beyond LATEST nothing differs, because no event is so late; so what is
    read is never larger, and fits wherever 64 bits do.

    An empty list matches nothing in NIP-01; it is refused here, because a client that sends one
    has most likely lost its values.

    Raises:
        PeerFault: a condition has the wrong shape.
    """
    if not isinstance(raw, dict):
        raise PeerFault("a filter is an object")
    tags = []
    for key, value in raw.items():
        if len(key) == 2 and key[0] == "#":
            tags.append((key[1], _texts(value, key)))
    return Filter(
        ids=_hexes(raw.get("ids"), "ids"),
        authors=_hexes(raw.get("authors"), "authors"),
        kinds=_kinds(raw.get("kinds")),
        tags=tuple(tags),
        since=_number(raw.get("since"), "since"),
        until=_number(raw.get("until"), "until"),
        limit=_number(raw.get("limit"), "limit"),
    )


def _texts(value: Json, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise PeerFault(f"the filter's {name} is not a list of texts")
    return tuple(value)


def _hexes(value: Json, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    texts = _texts(value, name)
    if not all(map(is_hex32, texts)):
        raise PeerFault(f"the filter's {name} holds something that is not 64 hex digits")
    return texts


def _kinds(value: Json) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(type(v) is int for v in value):
        raise PeerFault("the filter's kinds is not a list of numbers")
    return tuple(value)


def _number(value: Json, name: str) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise PeerFault(f"the filter's {name} is not a number")
    return min(value, LATEST)
