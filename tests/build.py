"""Values for tests of the pure rooms: people with fixed keys, signed events, observations, plans.

Nothing here asks a clock or the world. Times are seconds after `EPOCH`; `oid(3)` is `3333…`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.facts.selection import select
from reconciler.model.desired import Desired, Npub, Policies, Rule, Server
from reconciler.model.observed import Cause, Listing, Observed, Refs, ServerView, Unknown
from reconciler.model.plan import Plan
from reconciler.nostr import bip340, kinds, nip34, urls
from reconciler.nostr.event import Draft, Event, Tag, seal
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan import plan

EPOCH = 1_700_000_000
NOW = 1000
ZERO = "0" * 40
DIGEST = "d" * 64


@dataclass(frozen=True)
class Person:
    """Somebody with a key that follows from the name."""

    name: str

    @cached_property
    def secret(self) -> bytes:
        return hashlib.sha256(b"test key of " + self.name.encode()).digest()

    @cached_property
    def pubkey(self) -> str:
        return bip340.public_key(self.secret).hex()

    def sign(self, kind: int, *tags: Tag, content: str = "", at: int = 0) -> Event:
        draft = Draft(self.pubkey, EPOCH + at, kind, tags, content)
        return seal(draft, bip340.sign(self.secret, bytes.fromhex(draft.id)))

    def announce(
        self,
        identifier: str,
        servers: Iterable[str] = (),
        *,
        maintainers: Iterable[Person] = (),
        extra: Iterable[Tag] = (),
        at: int = 0,
    ) -> Event:
        listed = tuple(servers)
        tags: list[Tag] = [
            ("d", identifier),
            ("clone", *(urls.clone(url(s), self.pubkey, identifier) for s in listed)),
            ("relays", *(urls.relay(url(s)) for s in listed)),
        ]
        if invited := tuple(m.pubkey for m in maintainers):
            tags.append(("maintainers", *invited))
        return self.sign(kinds.ANNOUNCEMENT, *tags, *extra, at=at)

    def state(
        self,
        identifier: str,
        refs: Mapping[str, str],
        *,
        head: str = "refs/heads/main",
        extra: Iterable[Tag] = (),
        at: int = 0,
    ) -> Event:
        tags = (("d", identifier), *refs.items(), ("HEAD", f"ref: {head}"), *extra)
        return self.sign(kinds.STATE, *tags, at=at)

    def coordinate(self, identifier: str) -> Coordinate:
        return Coordinate(self.pubkey, identifier)


ALICE, BOB, CAROL, MALLORY = map(Person, ("alice", "bob", "carol", "mallory"))
PEOPLE = {person.name: person for person in (ALICE, BOB, CAROL, MALLORY)}
WIDGET = ALICE.coordinate("widget")


def oid(number: int) -> str:
    """An object id that people can tell apart: one hex digit, forty times."""
    return f"{number:x}" * 40


def url(server: str) -> str:
    """`alpha` is https://alpha.example; what is a URL already stays one."""
    return server if "://" in server else f"https://{server}.example"


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
