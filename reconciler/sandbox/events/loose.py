"""The tag index of khatru's badger store, as ngit-relay has it: values without their letters, and
whatever begins with them. Pure.

A filter goes by one of its tags. The index has value and second as one key and is read backwards
from the wanted value: longer values stand among its keys, before or behind by their next byte, and
`until` cuts by the same comparison. Where a filter can have so many answers at most (one kind,
author and `d`), no more are read, so that a neighbour may stand in for what was asked. Values of
more than 100 bytes are not in the index. All other conditions hold as they should.

What a new version of an addressable event replaces is found by the same index: an author's newer
`repo` takes `repo-cli` away, and an older one is not stored beside it.
"""

from __future__ import annotations

import re
from typing import Final

from reconciler.nostr import kinds
from reconciler.nostr.event import is_hex32
from reconciler.nostr.filters import Filter, TagFilter

VALUE_BYTES: Final = 100
REPLACED: Final = 10
"""Stored events that a new version is compared with."""
_ADDRESS: Final = re.compile(r"[0-9]+:[0-9a-f]{64}:[^:]*")
_NARROW: Final = ("eEq", "aAiIgr", "d", "htlkK")
"""Letters, the narrowest first; all others are broad."""
_LAST: Final = 2**32 - 1


def indexed(one: Filter) -> TagFilter | None:
    """The tag that a filter is answered by; None when it is found by id, kind or author."""
    if one.ids or not one.tags:
        return None
    narrowest = min(one.tags, key=lambda tag: _width(tag[0]))
    is_broad = _width(narrowest[0]) == len(_NARROW)
    return None if is_broad and (one.authors or one.kinds) else narrowest


def most(one: Filter) -> int | None:
    """How many events can match at most (go-nostr: GetTheoreticalLimit); None: nobody knows."""
    pairs = len(one.kinds) * len(one.authors)
    if not pairs:
        return None
    if all(map(kinds.is_replaceable, one.kinds)):
        return pairs
    named = dict(one.tags).get("d", ())
    return pairs * len(named) if named and all(map(kinds.is_addressable, one.kinds)) else None


def key(wanted: str, value: str, created_at: int, until: int | None) -> bytes | None:
    """What stands behind the wanted value in the key of `value`; None when it is not found."""
    is_near = value.startswith(wanted) and _index(wanted) == _index(value)
    if not is_near or len(value.encode()) > VALUE_BYTES:
        return None
    found = value[len(wanted) :].encode() + created_at.to_bytes(4, "big")
    start = _LAST if until is None else min(_LAST, until + 1)
    return found if found < start.to_bytes(4, "big") else None


def _width(letter: str) -> int:
    return next((n for n, letters in enumerate(_NARROW) if letter in letters), len(_NARROW))


def _index(value: str) -> int:
    """Addresses, ids and texts have an index each."""
    return 0 if _ADDRESS.fullmatch(value) else 1 if is_hex32(value) else 2
