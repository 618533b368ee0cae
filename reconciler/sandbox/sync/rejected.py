"""Events that admission refused, so that they are neither judged nor fetched again and again.

Hot: the whole event, for 2 minutes, because what it lacked may come with the next page. Cold: only
its id, for 7 days. Both are forgotten early when an event comes that can change the answer: the
subjects of a refused event are what it names, and its own names. Pure, but for the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.nostr import kinds
from reconciler.nostr.addresses import address_of
from reconciler.nostr.event import Event

HOT_SECONDS: Final = 120.0
COLD_SECONDS: Final = 7 * 86_400.0
HOT_EVENTS: Final = 1_000
"""At most 2 MB each (limits.EVENT_BYTES), in practice about 1 KB."""
COLD_EVENTS: Final = 50_000
SUBJECTS: Final = 10
"""Names that are remembered of one event."""

_NAMING = ("a", "A", "e", "E", "q")


@dataclass(frozen=True, slots=True)
class _Cold:
    expires: float
    subjects: frozenset[str]


class Rejected:
    """Both caches. Entries live equally long, so the oldest stands first."""

    def __init__(
        self, clock: Callable[[], float], *, hot: int = HOT_EVENTS, cold: int = COLD_EVENTS
    ) -> None:
        """`hot` and `cold` are the most entries of each."""
        self._clock = clock
        self._most_hot = hot
        self._most_cold = cold
        self._hot: dict[str, tuple[float, Event]] = {}
        self._cold: dict[str, _Cold] = {}
        self._by_subject: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._cold)

    @property
    def hot(self) -> int:
        """How many whole events are kept."""
        return len(self._hot)

    def add(self, event: Event) -> None:
        """It was refused now."""
        self._forget(event.id)
        now = self._clock()
        subjects = _subjects(event)
        self._cold[event.id] = _Cold(now + COLD_SECONDS, subjects)
        self._hot[event.id] = (now + HOT_SECONDS, event)
        for subject in subjects:
            self._by_subject.setdefault(subject, set()).add(event.id)
        self._prune()

    def knows(self, event_id: str) -> bool:
        """Was it refused within the last 7 days, and has nothing changed since?"""
        self._prune()
        return event_id in self._cold

    def release(self, accepted: Event) -> tuple[Event, ...]:
        """An event was accepted: forget the refusals that it may change. Returns those that are
        still hot, to be judged again at once."""
        self._prune()
        touched = {i for name in _releases(accepted) for i in self._by_subject.get(name, ())}
        found = tuple(self._hot[i][1] for i in sorted(touched) if i in self._hot)
        for event_id in touched:
            self._forget(event_id)
        return found

    def _prune(self) -> None:
        now = self._clock()
        while self._hot:
            oldest = next(iter(self._hot))
            if self._hot[oldest][0] > now and len(self._hot) <= self._most_hot:
                break
            del self._hot[oldest]
        while self._cold:
            oldest = next(iter(self._cold))
            if self._cold[oldest].expires > now and len(self._cold) <= self._most_cold:
                break
            self._forget(oldest)

    def _forget(self, event_id: str) -> None:
        self._hot.pop(event_id, None)
        cold = self._cold.pop(event_id, None)
        for subject in cold.subjects if cold else ():
            ids = self._by_subject[subject]
            ids.discard(event_id)
            if not ids:
                del self._by_subject[subject]


def _names(event: Event) -> list[str]:
    return [value for name in _NAMING for value in event.values(name)]


def _subjects(event: Event) -> frozenset[str]:
    """What an event to come must have to do with, to change the answer to this one."""
    if event.kind in (kinds.ANNOUNCEMENT, kinds.STATE):
        return frozenset({_identifier(event)})
    return frozenset([event.id, *_names(event)][:SUBJECTS])


def _releases(event: Event) -> frozenset[str]:
    found = {event.id, *_names(event)}
    if address := address_of(event):
        found.add(str(address))
    if event.kind == kinds.ANNOUNCEMENT:
        found.add(_identifier(event))
    return frozenset(found)


def _identifier(event: Event) -> str:
    return f"d {event.first('d') or ''}"  # the space keeps it apart from ids and addresses
