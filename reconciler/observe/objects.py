"""The end of stage two: what only objects can tell. They are fetched, compared, and tried.

A ref that would move may drop commits: both its ends are brought into the archive and compared. A
listing proves only that refs are listed: of a share of the cells a clone is tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from reconciler.facts.authority import authority, rule
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.refs import moves
from reconciler.git.refname import is_branch_or_tag
from reconciler.model.observed import Ancestry, Cause, Listing, ServerView
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure, Watcher, World

_TELLING = frozenset({Cause.PROTOCOL, Cause.HTTP, Cause.NOT_FOUND, Cause.INCOMPLETE, Cause.CUT})
"""Failures of a clone that tell of the repository, not of time, size or this machine."""


def ancestry(
    world: World,
    watcher: Watcher,
    views: Sequence[ServerView],
    coordinate: Coordinate,
    known: Knowledge,
) -> tuple[Coordinate, tuple[Ancestry, ...]]:
    """Of every ref of a repository that following the states would move: what that drops. What
    cannot be had stays unknown, and is shown as such."""
    places = [(v.url, p) for v in views for p in _moves(coordinate, known, v, world.now())]
    if not places or watcher.stopped():
        return coordinate, ()
    for url, (old, new) in places:
        _bring(world, coordinate, old, (url,))
        _bring(world, coordinate, new, _holders(views, coordinate, new))
    pairs = tuple(dict.fromkeys(pair for _, pair in places))
    return coordinate, world.ancestry(coordinate, pairs)


def tried(world: World, watcher: Watcher, view: ServerView, every: int) -> ServerView:
    """A server with the clones that were tried of its repositories, one in `every` (0: none)."""
    hollow = []
    for coordinate, refs in view.listings:
        listed = refs.refs if isinstance(refs, Listing) else ()
        tips = frozenset(oid for name, oid in listed if is_branch_or_tag(name))
        due = tips and _is_due(view.url, coordinate, world.now(), every)
        if not due or watcher.stopped():
            continue
        try:
            world.try_clone(view.url, coordinate, tips)
        except Failure as failure:
            if failure.unknown.cause in _TELLING:
                hollow.append((coordinate, failure.unknown))
    return replace(view, hollow=tuple(hollow))


def _is_due(server: str, coordinate: Coordinate, now: int, every: int) -> bool:
    """By a hash of the cell and the second: another share in each run, and no memory is needed."""
    name = f"{server} {coordinate} {now}".encode()
    return every > 0 and int.from_bytes(hashlib.sha256(name).digest()[:8]) % every == 0


def _moves(
    coordinate: Coordinate, known: Knowledge, view: ServerView, now: int
) -> tuple[tuple[str, str], ...]:
    """Old and new objects of the refs that following the state would move on this server."""
    members = authority(coordinate, known.announcements)
    state = rule(members, known.states.get(coordinate.identifier, ()), now=now).state
    refs = view.refs(coordinate)
    return moves(state, refs.refs) if state and isinstance(refs, Listing) else ()


def _holders(views: Iterable[ServerView], coordinate: Coordinate, oid: str) -> tuple[str, ...]:
    """Servers that list this object."""
    listings = ((view.url, view.refs(coordinate)) for view in views)
    return tuple(
        url
        for url, refs in listings
        if isinstance(refs, Listing) and any(has == oid for _, has in refs.refs)
    )


def _bring(world: World, coordinate: Coordinate, oid: str, sources: tuple[str, ...]) -> None:
    with suppress(Failure):
        world.keep(coordinate, oid, sources)
