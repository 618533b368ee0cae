"""One look at the whole fleet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import Selection
from reconciler.facts.sources import branches_and_tags
from reconciler.model.desired import Desired
from reconciler.model.observed import Listing, Observed, SourceView, lookup
from reconciler.nostr.nip34 import Coordinate, pull_tip
from reconciler.observe import objects
from reconciler.observe.rounds import Rounds
from reconciler.observe.seat import Seat, union
from reconciler.world import Watcher, World

Sources = tuple[tuple[Coordinate, SourceView], ...]
"""Sources sorted by repository."""


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
    seats = [Seat(url=server.url, grasp=True) for server in desired.servers]
    seats += [Seat(url=url, grasp=False) for url in desired.index_relays]
    with ThreadPoolExecutor(forks) as pool:
        rounds = Rounds(
            desired=desired,
            world=world,
            watcher=watcher,
            selection=selection,
            seats=seats,
            pool=pool,
            base=world.unserved(),
        )
        rounds.run()
        wanted = rounds.wanted(rounds.knowledge())
        return seen(rounds, objects.sources(desired, world, watcher, wanted), every=every)


def seen(rounds: Rounds, sources: Sources, *, every: int = 0) -> Observed:
    """What the rounds came to, with the objects that decide; inside their pool."""
    world, watcher = rounds.world, rounds.watcher
    known = rounds.knowledge()
    served = union(rounds.seats)
    unserved = tuple(event for event in world.unserved() if event.id not in served)
    events = served | {event.id: event for event in unserved}
    memory = world.recall()
    views = tuple(seat.view(memory, world.skew(seat.url)) for seat in rounds.seats)
    tried = rounds.pool.map(lambda view: objects.tried(world, watcher, view, every), views)
    moved = rounds.pool.map(
        lambda c: objects.ancestry(world, watcher, views, c, known, lookup(sources, c)),
        rounds.wanted(known),
    )
    return Observed(
        at=world.now(),
        events=tuple(sorted(events.values(), key=lambda e: e.id)),
        views=tuple(tried),
        archived=_archived(world, rounds.selection, known, sources),
        ancestry=tuple(found for found in moved if found[1]),
        seen=world.seen(),
        sources=sources,
        unserved=unserved,
        requested=world.requested(),
    )


def _archived(
    world: World, selection: Selection, known: Knowledge, sources: Sources
) -> tuple[tuple[Coordinate, frozenset[str]], ...]:
    """Which of the objects that matter the archive already holds."""
    rows = []
    listings = {c: view.refs for c, view in sources if isinstance(view.refs, Listing)}
    for coordinate in sorted({*selection.known(known), *listings}):
        wanted = {
            oid for state in known.states.get(coordinate.identifier, ()) for _, oid in state.refs
        }
        wanted |= {tip for event in known.related(coordinate) if (tip := pull_tip(event))}
        if listing := listings.get(coordinate):
            wanted |= set(branches_and_tags(listing).values())
        rows.append((coordinate, world.archived(coordinate, frozenset(wanted))))
    return tuple(rows)
