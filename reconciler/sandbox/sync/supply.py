"""What git data is missing here, and who may have it. Blocking; reads purgatory, store and
repositories, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow import gitdata
from reconciler.sandbox.service import Service
from reconciler.sandbox.sync.reach import Reach, Unreachable

SOURCES: Final = 50
"""Clone URLs that one hunt asks: one tag may hold 200, and anybody may announce."""


@dataclass(frozen=True, slots=True)
class Missing:
    """`waits`: something of this identifier is in purgatory. `targets`: objects that a repository
    here lacks; several owners may have the same identifier."""

    waits: bool
    targets: Mapping[Coordinate, frozenset[str]]

    @property
    def oids(self) -> frozenset[str]:
        """All objects that are missing somewhere."""
        return frozenset(oid for oids in self.targets.values() for oid in oids)


def missing(service: Service, identifier: str) -> Missing:
    """What the states and pull requests that wait under this identifier need.

    A repository that has all it needs is listed with no objects.
    """
    states = service.purgatory.states(identifier)
    pulls = service.purgatory.pulls(identifier)
    found = service.announced(identifier)
    hosted = frozenset(service.hosted(found))
    wanted: dict[Coordinate, set[str]] = {}
    for state in states:
        owners = (Coordinate(o, identifier) for o in found.owners_for(state.event.pubkey))
        if target := next(filter(hosted.__contains__, owners), None):
            wanted.setdefault(target, set()).update(oid for _, oid in state.refs)
    for pull in pulls:
        if pull.event:
            targets = gitdata.pull_repositories(service, pull.event, identifier)
            if targets:
                wanted.setdefault(targets[0], set()).add(pull.commit)
    lacking = {target: service.repos.missing(target, oids) for target, oids in wanted.items()}
    return Missing(bool(states or pulls), MappingProxyType(lacking))


def sources(service: Service, identifier: str, reach: Reach) -> tuple[tuple[str, ...], int]:
    """Clone URLs of all announcements of the identifier and of the pull requests that wait
    (GRASP-02), canonical, without those that are never dialled; and how many those were."""
    found = service.announced(identifier)
    listed = [url for a in found.by_owner.values() for url in a.clone]
    for pull in service.purgatory.pulls(identifier):
        if pull.event:
            listed += _clone_tags(pull.event.tags)
    good: dict[str, None] = {}
    refused = 0
    for url in listed:
        try:
            good[reach.clone_url(url)] = None
        except Unreachable:
            refused += 1
    return tuple(good)[:SOURCES], refused


def _clone_tags(tags: Iterable[tuple[str, ...]]) -> list[str]:
    return [value for tag in tags if tag and tag[0] == "clone" for value in tag[1:]]
