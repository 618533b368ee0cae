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
from reconciler.facts.sources import adopted, branches_and_tags, main_branch
from reconciler.git.refname import is_branch_or_tag
from reconciler.model.desired import Desired
from reconciler.model.observed import (
    Absent,
    Ancestry,
    Cause,
    Listing,
    Refs,
    ServerView,
    SourceView,
)
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.world import Failure, Watcher, World

_TELLING = frozenset({Cause.PROTOCOL, Cause.HTTP, Cause.NOT_FOUND, Cause.INCOMPLETE, Cause.CUT})
"""Failures of a clone that tell of the repository, not of time, size or this machine."""


def sources(
    desired: Desired, world: World, watcher: Watcher, coordinates: Iterable[Coordinate]
) -> tuple[tuple[Coordinate, SourceView], ...]:
    """The sources of repositories, sorted by repository. Of one whose states are adopted every
    object is brought here: nothing is signed that could not be had."""
    found = []
    for coordinate in sorted(coordinates):
        if (source := desired.source(coordinate)) and not watcher.stopped():
            found.append((coordinate, _source(desired, world, coordinate, source.url)))
    return tuple(found)


def _source(desired: Desired, world: World, coordinate: Coordinate, url: str) -> SourceView:
    try:
        refs = world.refs(url, coordinate)
        if isinstance(refs, Absent) or not adopted(desired, coordinate):
            return SourceView(url, refs)
        tips = branches_and_tags(refs)
        world.gather(coordinate, frozenset(tips.values()), (url,))
    except Failure as failure:
        return SourceView(url, failure.unknown)
    main = tips.get(main_branch(refs) or "")
    return SourceView(url, refs, world.root(coordinate, main) if main else None)


def ancestry(
    world: World,
    watcher: Watcher,
    views: Sequence[ServerView],
    coordinate: Coordinate,
    known: Knowledge,
    origin: SourceView | None = None,
) -> tuple[Coordinate, tuple[Ancestry, ...]]:
    """Of every ref of a repository that following the states, or adopting its source (`origin`),
    would move: what that drops. What cannot be had stays unknown, and is shown as such."""
    state = _followed(coordinate, known, world.now())
    places = [(v.url, p) for v in views for p in _moves(state, v.refs(coordinate), origin)]
    steps = tuple(_steps(state, origin))
    if not (places or steps) or watcher.stopped():
        return coordinate, ()
    for url, (old, new) in places:
        _bring(world, coordinate, old, (url,))
        _bring(world, coordinate, new, _holders(views, coordinate, new))
    for old, _ in steps:
        _bring(world, coordinate, old, _holders(views, coordinate, old))
    pairs = tuple(dict.fromkeys((*(pair for _, pair in places), *steps)))
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


def _followed(coordinate: Coordinate, known: Knowledge, now: int) -> State | None:
    members = authority(coordinate, known.announcements)
    return rule(members, known.states.get(coordinate.identifier, ()), now=now).state


def _moves(
    state: State | None, refs: Refs, origin: SourceView | None
) -> tuple[tuple[str, str], ...]:
    """Old and new objects of the refs that would move on this server."""
    if not isinstance(refs, Listing):
        return ()
    found = moves(state, refs.refs) if state else ()
    if origin and isinstance(origin.refs, Listing):
        have, want = branches_and_tags(refs), branches_and_tags(origin.refs)
        found += tuple((have[n], want[n]) for n in have.keys() & want if have[n] != want[n])
    return tuple(dict.fromkeys(found))


def _steps(state: State | None, origin: SourceView | None) -> Iterable[tuple[str, str]]:
    """Of each ref that the source has moved since the state that stands: from where to where. One
    that it has dropped counts as moved to its main line."""
    if state is None or origin is None or not isinstance(origin.refs, Listing):
        return
    want = branches_and_tags(origin.refs)
    main = want.get(main_branch(origin.refs) or "")
    for name, old in state.refs:
        new = want.get(name, main)
        if new and new != old:
            yield old, new


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
