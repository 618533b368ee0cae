"""Refs and HEAD brought to what a state says, in the repositories of one identifier.

Knows git and states and nothing else: what is served in consequence is `gitdata`'s part. Runs in a
worker thread under the identifier's lock, and is idempotent: what is already so stays.
"""

from __future__ import annotations

from contextlib import suppress

from reconciler.git.refname import is_branch_or_tag
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.sandbox.family.rules import HeadRule
from reconciler.sandbox.held import HeldRepos
from reconciler.sandbox.policy.standing import Standing
from reconciler.sandbox.repos import GitFailed


def holder(repos: HeldRepos, standing: Standing, state: State) -> Coordinate | None:
    """A repository with every tip of the state, whoever owns it (a fork may supply the data)."""
    hosted = repos.existing(standing.repositories)
    return next((c for c in hosted if not repos.missing(c, objects(state))), None)


def copy(repos: HeldRepos, source: Coordinate, target: Coordinate, oids: frozenset[str]) -> None:
    """Copy objects; when git cannot (a history with holes), alignment leaves their refs out."""
    with suppress(GitFailed):
        repos.copy(source, target, oids)


def follow(
    repos: HeldRepos, standing: Standing, coordinate: Coordinate, *, moves: bool = True
) -> None:
    """`align` a repository with the newest stored state."""
    state = standing.governing(coordinate.owner)
    if state and repos.exists(coordinate):
        align(repos, standing, coordinate, state, moves=moves)


def take_from_others(repos: HeldRepos, standing: Standing, coordinate: Coordinate) -> None:
    """`follow`, with the objects that other repositories hold; nothing where there are none."""
    state = standing.governing(coordinate.owner)
    others = [c for c in repos.existing(standing.repositories) if c != coordinate]
    if state is None or not others or not repos.exists(coordinate):
        return
    for other in others:
        wanted = repos.missing(coordinate, objects(state))
        if found := wanted - repos.missing(other, wanted):
            copy(repos, other, coordinate, found)
    align(repos, standing, coordinate, state)


def realign(repos: HeldRepos, standing: Standing) -> None:
    """Bring repositories to the newest served state where all its objects are there."""
    for coordinate in repos.existing(standing.repositories):
        state = standing.settled(coordinate.owner)
        if state and not repos.missing(coordinate, objects(state)):
            align(repos, standing, coordinate, state)


def align(
    repos: HeldRepos,
    standing: Standing,
    coordinate: Coordinate,
    state: State,
    *,
    moves: bool = True,
) -> None:
    """Make heads, tags and HEAD what the state says. A ref without its object is left out; without
    `moves`, so are all that would be made or moved."""
    declared = dict(state.refs)
    absent = repos.missing(coordinate, objects(state))
    current = {n: o for n, o in repos.refs(coordinate).items() if is_branch_or_tag(n)}
    changes: dict[str, str | None] = {name: None for name in current if name not in declared}
    for name, oid in declared.items():
        if moves and current.get(name) != oid and oid not in absent:
            changes[name] = oid
    repos.update(coordinate, changes)
    rule = standing.rules.head
    if state.head not in declared or rule is HeadRule.PUSH:
        return
    if rule is HeadRule.DECLARED or declared[state.head] not in absent:
        repos.set_head(coordinate, state.head)


def objects(state: State) -> frozenset[str]:
    """What the state's refs name."""
    return frozenset(oid for _, oid in state.refs)
