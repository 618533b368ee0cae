"""The order in which a conversation is sent. Pure.

Where a budget ends in the middle, the threads that people look at are there: the newest.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.nostr.event import Event

_PARENTS = ("E", "e", "q")


def newest_first_threads(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events, parents before children, by thread: the one that began last comes first.

    Args:
        events: parents before children.
    """
    roots: dict[str, Event] = {}
    for event in events:
        named = (target for letter in _PARENTS for target in event.values(letter))
        parent = next((target for target in named if target in roots), None)
        roots[event.id] = roots[parent] if parent else event
    return tuple(sorted(events, key=lambda e: (-roots[e.id].created_at, roots[e.id].id)))
