"""What git data is missing here, and who may have it. Blocking; reads purgatory, store and
repositories, and changes nothing.

Where states wait (purgatory), what waits says it; in other families the newest state that counts
for a repository does, which is served with or without its data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate, State, is_oid
from reconciler.sandbox.family.rules import Creation
from reconciler.sandbox.flow import gitdata
from reconciler.sandbox.hunt.egress import EgressPolicy, Unreachable
from reconciler.sandbox.policy.maintainers import Announced
from reconciler.sandbox.service import Service

SOURCES: Final = 50
"""Clone URLs that one hunt asks: one tag may hold 200, and anybody may announce."""


@dataclass(frozen=True, slots=True)
class Missing:
    """`waits`: something of this identifier waits for git data. `targets`: objects that a
    repository here lacks; several owners may have the same identifier."""

    waits: bool
    targets: Mapping[Coordinate, frozenset[str]]

    @property
    def oids(self) -> frozenset[str]:
        """All objects that are missing somewhere."""
        return frozenset(oid for oids in self.targets.values() for oid in oids)


def missing_objects(service: Service, identifier: str) -> Missing:
    """What the states and pull requests of this identifier need, and do not have here.

    A repository that has all it needs is listed with no objects.
    """
    found = service.announced(identifier)
    wanted: dict[Coordinate, set[str]] = {}
    of_states = _of_waiting if service.family.states.waits else _of_served
    for target, state in of_states(service, found):
        wanted.setdefault(target, set()).update(oid for _, oid in state.refs if is_oid(oid))
    pulls = service.purgatory.pulls(identifier)
    for pull in pulls:
        if pull.event:
            targets = gitdata.pull_repositories(service, pull.event, identifier)
            if targets:
                wanted.setdefault(targets[0], set()).add(pull.commit)
    lacking = {target: service.repos.missing(target, oids) for target, oids in wanted.items()}
    waits = bool(service.purgatory.states(identifier) or pulls or any(lacking.values()))
    return Missing(waits, MappingProxyType(lacking))


def served_identifiers(service: Service) -> frozenset[str]:
    """The identifiers of all states that are served."""
    events = service.store.events(Filter(kinds=(kinds.STATE,)), now=service.clock())
    return frozenset(event.first("d") or "" for event in events)


def _of_waiting(service: Service, found: Announced) -> Iterator[tuple[Coordinate, State]]:
    """Each state in purgatory, with one repository to fetch its objects to."""
    hosted = frozenset(service.hosted(found))
    for state in service.purgatory.states(found.identifier):
        owners = (Coordinate(o, found.identifier) for o in found.owners_for(state.event.pubkey))
        if target := next(filter(hosted.__contains__, owners), None):
            yield target, state


def _of_served(service: Service, found: Announced) -> Iterator[tuple[Coordinate, State]]:
    """Each repository with the state that counts for it. Also one that does not exist before its
    first git data comes, if it is announced for this server: such families store everybody's."""
    lazy = service.family.announcements.creation is Creation.FIRST_PUSH
    for owner, announcement in sorted(found.by_owner.items()):
        target = Coordinate(owner, found.identifier)
        ours = service.repos.exists(target) or (lazy and service.url in announcement.servers())
        if ours and (state := gitdata.governing(service, target)):
            yield target, state


def sources(service: Service, identifier: str, egress: EgressPolicy) -> tuple[tuple[str, ...], int]:
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
            good[egress.clone_url(url)] = None
        except Unreachable:
            refused += 1
    return tuple(good)[:SOURCES], refused


def _clone_tags(tags: Iterable[tuple[str, ...]]) -> list[str]:
    return [value for tag in tags if tag and tag[0] == "clone" for value in tag[1:]]
