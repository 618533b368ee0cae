"""One question to a relay, read to its end page by page (NIP-01 `until` and `limit`). Pure.

    pager = Pager(wanted)
    while question := pager.question:
        … ask it; `size` events come, `matching` are those that verify and match …
        use(pager.feed(matching, size))
    if pager.cut: …

Relays cap answers silently, and older ones are asked for until there are none. The next page starts
at the oldest second of the last one, because the cap may have cut through that second; only when
nothing new is in it, at the second before. Events that do not match are no guide: an index by
prefix (ngit-relay's) serves its neighbours whatever `until` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import PeerFault
from reconciler.limits import REQ_CAP_LEAST, REQ_PAGE, REQ_PAGES
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter

_CROWDED = "more events in one second than one answer can hold"
_COVERED = "an answer is full of events that were not asked for"


class Pager:
    """`question` is what to ask next, None at the end. `cut` says why events may be missing."""

    def __init__(self, wanted: Filter, *, cap: int | None = None) -> None:
        """Args:
        wanted: the question.
        cap: events that the relay says it sends at most (NIP-11 `max_limit`), so that a shorter
            page is the last one; None: unknown, and then only an empty page is.
        """
        self.question: Filter | None = wanted.page(until=wanted.until, limit=REQ_PAGE)
        self.cut = ""
        self._cap = min(cap or REQ_PAGE, REQ_PAGE)
        self._full = self._cap if cap else 1
        self._crowd = cap or REQ_CAP_LEAST
        self._seen: set[str] = set()
        self._stuck = False
        self._full_second = False
        self._largest = 0
        self._pages = 0

    def feed(self, matching: Sequence[Event], size: int) -> tuple[Event, ...]:
        """Take one answer: the events of it that match, and how many there were with the others.

        Returns:
            those that are new.

        Raises:
            PeerFault: it goes on and on.
        """
        fresh = tuple({e.id: e for e in matching if e.id not in self._seen}.values())
        self._seen |= {event.id for event in fresh}
        if matching and self._full_second:  # there is older, so the cap cut the second before
            self.cut = _CROWDED
        oldest = min((event.created_at for event in matching), default=0)
        self._stuck = not fresh
        # a shorter answer was whole, so that what is older by now has come meanwhile
        self._full_second = self._stuck and size >= min(self._crowd, self._largest)
        self._largest = max(self._largest, size)
        if matching and self._stuck and size >= self._cap:
            self.cut = _CROWDED
        if not matching and size >= self._crowd:
            self.cut = _COVERED
        if size < self._full or not matching or (self._stuck and oldest == 0):
            self.question = None
        elif self.question:
            self._turn(self.question, oldest - 1 if self._stuck else oldest)
        return fresh

    def _turn(self, question: Filter, until: int) -> None:
        self._pages += 1
        if self._pages >= REQ_PAGES:
            raise PeerFault(f"more than {REQ_PAGES} pages")
        self.question = question.page(until=until, limit=REQ_PAGE)
