"""The rounds of one look. Each is a barrier: its subjects come from the answers before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reconciler.facts.budgets import Per
from reconciler.facts.dialects import detect
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import Selection
from reconciler.facts.signing import witnesses
from reconciler.facts.sources import unannounced
from reconciler.limits import MAINTAINER_DEPTH, WITNESSES
from reconciler.model.desired import Desired
from reconciler.model.observed import Absent, Cause, Listing, Unknown
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.observe.questions import (
    announcement_filters,
    authority_filters,
    batches,
    people_of,
    tag_filters,
    tree,
)
from reconciler.observe.seat import Seat, union
from reconciler.world import Failure, Watcher, World

_REPLY_ROUNDS = 3
_LISTINGS = 8
"""Of one server at the same time, at most: what it bears is its throttle's business."""
_MARGIN_SECONDS = 2.0
"""Between what a server counts and what we do: an event travels, and its seconds are not ours."""


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """One look; `base` are events that are known already, `info` what servers said before."""

    desired: Desired
    world: World
    watcher: Watcher
    selection: Selection
    seats: list[Seat]
    pool: ThreadPoolExecutor
    base: Sequence[Event] = ()

    def run(self) -> None:
        """All rounds, in order. Each is a barrier: the next one's subjects come from all answers"""
        self.watcher.stage("observe", len(self.seats))
        self._each(self._greet)
        known = self.knowledge()
        coordinates = self.wanted(known)
        if self.selection.only is None:  # a second look signs nothing
            self._ask_witnesses(self.selection.of(self.desired, known), known)
        self._ask_authority(coordinates)
        self._ask(tag_filters("aAq", map(str, coordinates)))
        self._ask_replies(coordinates)
        self._ask_missing(coordinates)
        self._list_refs(coordinates)

    def _ask_witnesses(self, coordinates: Sequence[Coordinate], known: Knowledge) -> None:
        """Relays that only announcements name are read before those are signed anew: one of them
        may hold the owner's newer version."""
        asked = {seat.url for seat in self.seats}
        named: dict[str, set[str]] = {}
        for coordinate in coordinates:
            for url in witnesses(self.desired, known.announcements[coordinate]) - asked:
                named.setdefault(url, set()).add(coordinate.owner)
        seats = [Seat(url=url, grasp=False, witness=True) for url in sorted(named)[:WITNESSES]]
        self.seats.extend(seats)

        def ask(seat: Seat) -> None:
            authors = tuple(sorted(named[seat.url]))
            self._query(seat, announcement_filters(authors))

        list(self.pool.map(ask, seats))

    def _greet(self, seat: Seat) -> None:
        """NIP-11, and the announcements. A server without that document may still answer all other
        questions; nobody waits for those of others before the first of these."""
        if seat.info is None:
            self._introduce(seat)
        authors = tuple(npub.pubkey for npub in self.desired.npubs)
        self._query(seat, announcement_filters(authors, self.selection.only))
        self.watcher.step(seat.url)

    def _introduce(self, seat: Seat) -> None:
        """What it says of itself, and what its family therefore bears."""
        try:
            seat.info = self.world.info(seat.url)
        except Failure as failure:
            if failure.unknown.cause not in (Cause.PROTOCOL, Cause.HTTP, Cause.NOT_FOUND):
                seat.unknown = failure.unknown
        obeyed = all(s.throttle.family_limits for s in self.desired.servers if s.url == seat.url)
        if obeyed and (rate := detect(seat.info).budgets.events):
            seconds = rate.wait(rate.burst) + _MARGIN_SECONDS
            lasting = rate.each is not Per.CONNECTION
            self.world.obey(seat.url, rate.burst, seconds, lasting=lasting)

    def _ask(self, filters: Sequence[Filter]) -> None:
        if filters:
            self._each(lambda seat: self._query(seat, filters))

    def _query(self, seat: Seat, filters: Sequence[Filter]) -> None:
        if seat.unknown:
            return
        if self.watcher.stopped():
            seat.unknown = Unknown(Cause.STOPPED, "the run was stopped")
            return
        try:
            relay = self.world.relay(seat.url)
            found = relay.query(filters)
        except Failure as failure:
            seat.unknown = failure.unknown
            return
        seat.events |= {event.id: event for event in found}
        seat.left_out = relay.left_out()

    def _ask_authority(self, coordinates: Sequence[Coordinate]) -> None:
        """Invitations lead to people who invite others: until nobody new is named."""
        asked: set[str] = set()
        for _ in range(MAINTAINER_DEPTH + 1):
            people = people_of(coordinates, self.knowledge()) - asked
            if not people:
                return
            self._ask(authority_filters(coordinates, people))
            asked |= people

    def _ask_replies(self, coordinates: Sequence[Coordinate]) -> None:
        """Events that name known events, deletions included, until nothing new turns up."""
        asked: set[str] = set()
        for _ in range(_REPLY_ROUNDS):
            known = self.knowledge()
            names = tree(known, coordinates) - asked
            if not names:
                return
            self._ask(tag_filters("eEq", sorted(names)))
            asked |= names

    def _ask_missing(self, coordinates: Sequence[Coordinate]) -> None:
        """What others serve and a server did not show is asked for by id: some families index only
        the beginning of a long tag value, and serve all the same what its questions do not find."""
        known = self.knowledge()
        wanted = tree(known, coordinates)

        def ask(seat: Seat) -> None:
            missing = () if seat.witness else sorted(wanted - seat.events.keys())
            if missing:
                self._query(seat, [Filter(ids=batch) for batch in batches(missing)])

        self._each(ask)

    def _list_refs(self, coordinates: Sequence[Coordinate]) -> None:
        """Each server has threads of its own: nobody waits in a queue behind a slow one."""
        seats = [seat for seat in self.seats if seat.grasp and not seat.unknown]
        self.watcher.stage("refs", len(seats) * len(coordinates))

        def ask(seat: Seat) -> None:
            with ThreadPoolExecutor(_LISTINGS) as pool:
                cells = pool.map(lambda coordinate: self._cell(seat.url, coordinate), coordinates)
                seat.listings = dict(zip(coordinates, cells, strict=True))

        list(self.pool.map(ask, seats))

    def _cell(self, url: str, coordinate: Coordinate) -> Listing | Absent | Unknown:
        if self.watcher.stopped():
            return Unknown(Cause.STOPPED, "the run was stopped")
        try:
            return self.world.refs(url, coordinate)
        except Failure as failure:
            return failure.unknown
        finally:
            self.watcher.step(url)

    def _each(self, do: Callable[[Seat], None]) -> None:
        list(self.pool.map(do, self.seats))

    def wanted(self, known: Knowledge) -> tuple[Coordinate, ...]:
        """Announced repositories, and those that a source would have announced."""
        fresh = unannounced(self.desired, known, self.selection, self.world.seen())
        return tuple(sorted((*self.selection.of(self.desired, known), *fresh)))

    def knowledge(self) -> Knowledge:
        """What all answers so far mean."""
        events = {event.id: event for event in self.base} | union(self.seats)
        return Knowledge.of(events.values(), now=self.world.now())
