"""Stage two: ask every server, and write down what it answered. Unknown stays unknown.

The questions come in rounds, because the answers to one name the subjects of the next:

    1  announcements of the npubs, and what servers say of themselves
    2  announcements and states of everybody whom the announcements invite
    3  events that name a repository (issues, PRs, labels, …)
    4  events that name those events, until no new ones turn up (GRASP-02's layers); what others
       serve and a server did not show, by id
    5  the refs of every cell
    6  the objects of refs that would move, so that a forced update can be called one

A server that fails any question is `unknown` from then on: its silence is never read as absence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler import objects
from reconciler.facts.authority import invited
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import Selection
from reconciler.facts.signing import witnesses
from reconciler.limits import MAINTAINER_DEPTH, REQ_TAG_VALUES, WITNESSES
from reconciler.model.desired import Desired
from reconciler.model.observed import (
    Absent,
    Cause,
    Listing,
    Memory,
    Observed,
    Refs,
    ServerView,
    Unknown,
)
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate, pull_tip
from reconciler.world import Failure, Watcher, World

_REPLY_ROUNDS = 3


@dataclass(kw_only=True)
class _Seat:
    """What one server has answered so far; only its own round writes to it."""

    url: str
    grasp: bool
    witness: bool = False
    info: RelayInfo | None = None
    unknown: Unknown | None = None
    left_out: tuple[tuple[str, int], ...] = ()
    events: dict[str, Event] = field(default_factory=dict)
    listings: dict[Coordinate, Refs] = field(default_factory=dict)

    def view(self, memory: Memory, skew: float | None) -> ServerView:
        return ServerView(
            url=self.url,
            grasp=self.grasp,
            info=self.info,
            unknown=self.unknown,
            served=frozenset(self.events),
            listings=tuple(sorted(self.listings.items())),
            submitted=tuple(
                s
                for s in memory.submissions
                if s.server == self.url and s.event_id not in self.events
            ),
            delegated=tuple(
                sorted((d.coordinate, d.since) for d in memory.delegated if d.server == self.url)
            ),
            witness=self.witness,
            left_out=self.left_out,
            skew=skew,
        )


def observe(
    desired: Desired,
    world: World,
    watcher: Watcher,
    selection: Selection,
    *,
    forks: int,
    every: int = 0,
) -> Observed:
    """One look at the whole fleet.

    Args:
        desired: which npubs, servers and index relays.
        world: the outside.
        watcher: hears of progress; a stop makes everything that is left unknown.
        selection: which repositories this run is about.
        forks: servers that are asked at the same time.
        every: a clone is tried of one in so many cells; 0: of none.
    """
    seats = [_Seat(url=server.url, grasp=True) for server in desired.servers]
    seats += [_Seat(url=url, grasp=False) for url in desired.index_relays]
    with ThreadPoolExecutor(forks) as pool:
        _Rounds(
            desired=desired,
            world=world,
            watcher=watcher,
            selection=selection,
            seats=seats,
            pool=pool,
        ).run()
    union = _union(seats)
    known = Knowledge.of(union.values(), now=world.now())
    coordinates = selection.of(desired, known)
    memory = world.recall()
    views = tuple(seat.view(memory, world.skew(seat.url)) for seat in seats)
    return Observed(
        at=world.now(),
        events=tuple(sorted(union.values(), key=lambda e: e.id)),
        views=tuple(objects.tried(world, watcher, view, every) for view in views),
        archived=_archived(world, selection, known),
        ancestry=objects.ancestry(world, watcher, views, coordinates, known),
        seen=world.seen(),
    )


@dataclass(frozen=True, kw_only=True)
class _Rounds:
    desired: Desired
    world: World
    watcher: Watcher
    selection: Selection
    seats: list[_Seat]
    pool: ThreadPoolExecutor

    def run(self) -> None:
        """All rounds, in order. Each is a barrier: the next one's subjects come from all answers"""
        self.watcher.stage("observe", len(self.seats))
        authors = tuple(npub.pubkey for npub in self.desired.npubs)
        self._each(self._greet)
        self._ask([Filter(kinds=(kinds.ANNOUNCEMENT, kinds.DELETION), authors=authors)])
        known = self._knowledge()
        coordinates = self.selection.of(self.desired, known)
        self._ask_witnesses(coordinates, known)
        self._ask_authority(coordinates)
        self._ask(_tag_filters("aAq", map(str, coordinates)))
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
        for url in sorted(named)[:WITNESSES]:
            self.seats.append(seat := _Seat(url=url, grasp=False, witness=True))
            wanted = (kinds.ANNOUNCEMENT, kinds.DELETION)
            self._query(seat, [Filter(kinds=wanted, authors=tuple(sorted(named[url])))])

    def _greet(self, seat: _Seat) -> None:
        """NIP-11. A server without that document may still answer all other questions."""
        try:
            seat.info = self.world.info(seat.url)
        except Failure as failure:
            if failure.unknown.cause not in (Cause.PROTOCOL, Cause.HTTP, Cause.NOT_FOUND):
                seat.unknown = failure.unknown
        self.watcher.step(seat.url)

    def _ask(self, filters: Sequence[Filter]) -> None:
        if filters:
            self._each(lambda seat: self._query(seat, filters))

    def _query(self, seat: _Seat, filters: Sequence[Filter]) -> None:
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
            people = _people(coordinates, self._knowledge()) - asked
            if not people:
                return
            self._ask(_authority_filters(coordinates, people))
            asked |= people

    def _ask_replies(self, coordinates: Sequence[Coordinate]) -> None:
        """Events that name known events, deletions included, until nothing new turns up."""
        asked: set[str] = set()
        for _ in range(_REPLY_ROUNDS):
            known = self._knowledge()
            names = _tree(known, coordinates) - asked
            if not names:
                return
            self._ask(_tag_filters("eEq", sorted(names)))
            asked |= names

    def _ask_missing(self, coordinates: Sequence[Coordinate]) -> None:
        """What others serve and a server did not show is asked for by id: some families index only
        the beginning of a long tag value, and serve all the same what its questions do not find."""
        known = self._knowledge()
        wanted = _tree(known, coordinates)

        def ask(seat: _Seat) -> None:
            missing = () if seat.witness else sorted(wanted - seat.events.keys())
            if missing:
                self._query(seat, [Filter(ids=batch) for batch in _batches(missing)])

        self._each(ask)

    def _list_refs(self, coordinates: Sequence[Coordinate]) -> None:
        """Server by server in turn, so that all of them answer side by side."""
        seats = [seat for seat in self.seats if seat.grasp and not seat.unknown]
        cells = [(seat, coordinate) for coordinate in coordinates for seat in seats]
        self.watcher.stage("refs", len(cells))
        answers = self.pool.map(lambda pair: self._cell(pair[0].url, pair[1]), cells)
        for (seat, coordinate), cell in zip(cells, answers, strict=True):
            seat.listings[coordinate] = cell

    def _cell(self, url: str, coordinate: Coordinate) -> Listing | Absent | Unknown:
        if self.watcher.stopped():
            return Unknown(Cause.STOPPED, "the run was stopped")
        try:
            return self.world.refs(url, coordinate)
        except Failure as failure:
            return failure.unknown
        finally:
            self.watcher.step(url)

    def _each(self, do: Callable[[_Seat], None]) -> None:
        list(self.pool.map(do, self.seats))

    def _knowledge(self) -> Knowledge:
        return Knowledge.of(_union(self.seats).values(), now=self.world.now())


def _union(seats: Iterable[_Seat]) -> dict[str, Event]:
    return {i: event for seat in seats for i, event in seat.events.items()}


def _tree(known: Knowledge, coordinates: Sequence[Coordinate]) -> set[str]:
    """Ids of everything that hangs from the repositories, announcements and states included."""
    names: set[str] = set()
    for coordinate in coordinates:
        names |= {event.id for event in known.related(coordinate)}
        names |= {
            i for i in known.children.get(str(coordinate), ()) if known.events[i].kind > 30_000
        }
    return names


def _people(coordinates: Sequence[Coordinate], known: Knowledge) -> set[str]:
    """Everybody who may speak for one of the repositories, or is invited to."""
    return {
        person
        for coordinate in coordinates
        for person in (coordinate.owner, *invited(coordinate, known.announcements))
    }


def _authority_filters(coordinates: Sequence[Coordinate], people: set[str]) -> list[Filter]:
    """States and announcements of these people, in questions of a size that relays accept."""
    wanted = (kinds.ANNOUNCEMENT, kinds.STATE)
    return [
        Filter(kinds=wanted, authors=authors, tags=(("d", batch),))
        for batch in _batches(sorted({c.identifier for c in coordinates}))
        for authors in _batches(sorted(people))
    ]


def _tag_filters(letters: str, values: Iterable[str]) -> list[Filter]:
    return [
        Filter(tags=((letter, batch),)) for batch in _batches(list(values)) for letter in letters
    ]


def _batches(values: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        tuple(values[start : start + REQ_TAG_VALUES])
        for start in range(0, len(values), REQ_TAG_VALUES)
    ]


def _archived(
    world: World, selection: Selection, known: Knowledge
) -> tuple[tuple[Coordinate, frozenset[str]], ...]:
    """Which of the objects that matter the archive already holds."""
    rows = []
    for coordinate in selection.known(known):
        wanted = {
            oid for state in known.states.get(coordinate.identifier, ()) for _, oid in state.refs
        }
        wanted |= {tip for event in known.related(coordinate) if (tip := pull_tip(event))}
        rows.append((coordinate, world.archived(coordinate, frozenset(wanted))))
    return tuple(rows)
