"""A second look, at a few repositories on a few servers: what was written, and is on its way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import Selection
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed, ServerView
from reconciler.nostr.addresses import address_of
from reconciler.nostr.nip34 import Coordinate
from reconciler.observe.look import seen
from reconciler.observe.questions import people_of
from reconciler.observe.rounds import Rounds
from reconciler.observe.seat import Seat
from reconciler.world import Watcher, World

_T = TypeVar("_T")


def look_again(
    desired: Desired,
    world: World,
    watcher: Watcher,
    selection: Selection,
    before: Observed,
    servers: Collection[str],
    *,
    forks: int,
) -> Observed:
    """An observation in which some servers were asked anew for `selection.only`, and the rest is as
    it was. A server that does not answer now is unknown.

    Args:
        desired: which npubs, servers and index relays.
        world: the outside.
        watcher: hears of progress; a stop makes everything that is asked unknown.
        selection: `only` are the repositories that are asked for.
        before: the earlier observation.
        servers: URLs of the servers and index relays that are asked.
        forks: servers that are asked at the same time.
    """
    seats = [
        Seat(url=view.url, grasp=view.grasp, info=view.info)
        for view in before.views
        if view.url in servers and not view.unknown
    ]
    with ThreadPoolExecutor(forks) as pool:
        rounds = Rounds(
            desired=desired,
            world=world,
            watcher=watcher,
            selection=selection,
            seats=seats,
            pool=pool,
            base=(*before.events, *world.unserved()),
        )
        rounds.run()
        found = seen(rounds, before.sources)
        return _joined(before, found, selection.only or frozenset(), rounds.knowledge())


def _joined(
    before: Observed, now: Observed, only: Collection[Coordinate], known: Knowledge
) -> Observed:
    asked = frozenset(_hanging(known, sorted(only)))
    fresh = {view.url: view for view in now.views}
    return Observed(
        at=now.at,
        events=tuple(sorted({*before.events, *now.events}, key=lambda event: event.id)),
        views=tuple(
            _updated(view, fresh[view.url], asked) if view.url in fresh else view
            for view in before.views
        ),
        archived=_replaced(before.archived, now.archived),
        ancestry=_replaced(before.ancestry, now.ancestry),
        seen=before.seen,
        sources=before.sources,
        unserved=now.unserved,
        requested=now.requested,
        began=before.at if before.began is None else before.began,
    )


def _hanging(known: Knowledge, only: Sequence[Coordinate]) -> set[str]:
    """Ids of all that hangs from repositories and from those who speak for them, dead events too:
    what was just deleted is no longer served."""
    people = people_of(only, known)
    frontier = {str(Coordinate(person, c.identifier)) for c in only for person in people}
    found: set[str] = set()
    while frontier:
        ids = {i for name in frontier for i in known.children.get(name, ())} - found
        found |= ids
        frontier = {*ids, *(str(a) for i in ids if (a := address_of(known.events[i])))}
    return found


def _updated(before: ServerView, now: ServerView, asked: frozenset[str]) -> ServerView:
    """What it served of what was asked is what it serves now."""
    return replace(
        before,
        unknown=now.unknown,
        served=(before.served - asked) | now.served,
        listings=_replaced(before.listings, now.listings),
        left_out=now.left_out,
        skew=now.skew,
    )


def _replaced(
    before: tuple[tuple[Coordinate, _T], ...], now: tuple[tuple[Coordinate, _T], ...]
) -> tuple[tuple[Coordinate, _T], ...]:
    """Pairs sorted by repository, with those of now in the place of the older ones."""
    return tuple(sorted((dict(before) | dict(now)).items(), key=lambda pair: pair[0]))
