"""What a start does where the family checks itself: refs that no stored state authorises go, others
are turned back as far as their objects are here. Before anybody is served, so without locks."""

from __future__ import annotations

from reconciler.git.refname import is_branch_or_tag
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow.gitdata import Delivery
from reconciler.sandbox.service import Service


def check(service: Service) -> None:
    """Go through all repositories whose announcement is served."""
    if not service.dialect.states.start_check:
        return
    stored = service.store.events(Filter(kinds=(kinds.ANNOUNCEMENT,)), now=service.clock())
    for event in stored:
        coordinate = Coordinate(event.pubkey, event.first("d") or "")
        if service.repos.exists(coordinate):
            _check(service, coordinate)


def _check(service: Service, coordinate: Coordinate) -> None:
    delivery = Delivery(service, coordinate.identifier)
    if delivery.standing.governing(coordinate.owner):
        delivery.follow(coordinate)
        return
    names = filter(is_branch_or_tag, delivery.repos.refs(coordinate))
    delivery.repos.update(coordinate, dict.fromkeys(names))
