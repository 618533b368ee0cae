"""Values for tests of the pure rooms: observations, desired states, plans.

Nothing here asks a clock or the world. Times are seconds after `EPOCH`; `oid(3)` is `3333…`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.facts.selection import select
from reconciler.model.desired import Desired, Npub, Policies, Rule, Server
from reconciler.model.observed import Cause, Listing, Observed, Refs, ServerView, Unknown
from reconciler.model.plan import Plan
from reconciler.nostr import nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan import plan
from tests.kit.people import ALICE, EPOCH, url

NOW = 1000


ZERO = "0" * 40


DIGEST = "d" * 64


def oid(number: int) -> str:
    """An object id that people can tell apart: one hex digit, forty times."""
    return f"{number:x}" * 40


def parsed(event: Event) -> nip34.Announcement:
    return nip34.announcement(event)


def view(  # one keyword a fact
    server: str,
    served: Iterable[Event] = (),
    cells: Mapping[Coordinate, Refs] | None = None,
    *,
    software: str = "",
    grasp: bool = True,
    down: bool = False,
) -> ServerView:
    unknown = Unknown(Cause.REFUSED, "") if down else None
    grasps = ("GRASP-01",) if grasp else ()
    info = None if down else RelayInfo(software=software, version="1", grasps=grasps)
    ids = frozenset(event.id for event in served)
    return ServerView(
        url=url(server),
        grasp=grasp,
        info=info,
        unknown=unknown,
        served=ids,
        listings=tuple(sorted((cells or {}).items())),
    )


def refs(names: Mapping[str, str], head: str | None = None) -> Listing:
    return Listing(tuple(sorted(names.items())), head)


def observed(
    events: Iterable[Event],
    *views: ServerView,
    now: int = NOW,
    archived: Mapping[Coordinate, frozenset[str]] | None = None,
) -> Observed:
    return Observed(
        at=EPOCH + now, events=tuple(events), views=views, archived=tuple((archived or {}).items())
    )


def desired(
    *servers: str,
    owners: Iterable[Npub] = (Npub(pubkey=ALICE.pubkey, name="alice"),),
    index: Iterable[str] = (),
    rules: Iterable[Rule] = (),
    policies: Policies | None = None,
) -> Desired:
    return Desired(
        digest=DIGEST,
        servers=tuple(Server(url(server)) for server in servers),
        npubs=tuple(owners),
        index_relays=tuple(map(url, index)),
        rules=tuple(rules),
        policies=policies or Policies(),
    )


def planned(wish: Desired, world: Observed) -> Plan:
    """The whole planner, on everything that the desired state selects."""
    return plan(wish, world, select(wish))
