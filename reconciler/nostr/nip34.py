"""NIP-34: announcements, states and pull requests, read from verified events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reconciler.errors import OurFault, PeerFault
from reconciler.git.refname import is_branch_or_tag
from reconciler.limits import ADVERT_REFS, IDENTIFIER_BYTES
from reconciler.nostr import addresses, kinds, urls
from reconciler.nostr.addresses import Address
from reconciler.nostr.event import Draft, Event, Tag, Template, is_hex32

_OID = re.compile(r"[0-9a-f]{40}")
_HEAD = "ref: refs/heads/"


def is_oid(value: object) -> bool:
    """Is this a full SHA-1 object id in lower case?"""
    return isinstance(value, str) and _OID.fullmatch(value) is not None


@dataclass(frozen=True, slots=True, order=True)
class Coordinate:
    """A repository: the owner's hex pubkey and the identifier (`d` tag)."""

    owner: str
    identifier: str

    def __str__(self) -> str:
        return str(Address(kinds.ANNOUNCEMENT, self.owner, self.identifier))


def parse_coordinate(text: str) -> Coordinate | None:
    """The repository that an `a` value names; None when it is no repository address."""
    found = addresses.parse(text)
    if found is None or found.kind != kinds.ANNOUNCEMENT or not found.d:
        return None
    return Coordinate(found.pubkey, found.d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A kind 30617 event, read. `maintainers` are the pubkeys that it invites, owner left out.

    `event` is a draft where a plan reckons with what it will have signed.
    """

    event: Template
    coordinate: Coordinate
    clone: tuple[str, ...]
    relays: tuple[str, ...]
    maintainers: tuple[str, ...]
    private: bool

    @property
    def signed(self) -> Event:
        """The event, where it was read from one. Raises OurFault."""
        return _signed(self.event)

    def servers(self) -> frozenset[str]:
        """Canonical URLs of the GRASP servers listed: in `clone` and in `relays` (GRASP-01)."""
        return _listed_servers(self.coordinate, self.clone, self.relays)


@lru_cache(maxsize=4096)
def _listed_servers(
    coordinate: Coordinate, clone: tuple[str, ...], relays: tuple[str, ...]
) -> frozenset[str]:
    """Worked out once an announcement: every cell of its repository asks."""
    cloned = {urls.server_of_clone(u, coordinate.owner, coordinate.identifier) for u in clone}
    # an unreadable relay is nobody's relay; the event stands all the same
    return frozenset(server for server in cloned if server) & {_normal(url) for url in relays}


def announcement(event: Template) -> Announcement:
    """Read an announcement.

    Raises:
        PeerFault: another kind, or an identifier that no server can host.
    """
    identifier = _identifier(event, kinds.ANNOUNCEMENT)
    return Announcement(
        event=event,
        coordinate=Coordinate(event.pubkey, identifier),
        clone=_listed(event, "clone"),
        relays=_listed(event, "relays"),
        maintainers=_maintainers(event),
        private=event.first("private") == "true",
    )


@dataclass(frozen=True, slots=True)
class State:
    """A kind 30618 event, read. `refs` are (full name, object id), sorted by name; `event` is a
    draft where a plan reckons with what it will have signed."""

    event: Template
    identifier: str
    refs: tuple[tuple[str, str], ...]
    head: str | None

    @property
    def signed(self) -> Event:
        """The event, where it was read from one. Raises OurFault."""
        return _signed(self.event)


def state(event: Template) -> State:
    """Read a state. Heads and tags count; peeled entries (`^{}`) and other names are decoration.

    Raises:
        PeerFault: another kind, a bad identifier, one ref with two values, or a value that is not
            an object id: half a state must not delete the other half.
    """
    identifier = _identifier(event, kinds.STATE)
    refs: dict[str, str] = {}
    for tag in event.tags:
        if len(tag) < 2 or not is_branch_or_tag(tag[0]):
            continue
        if not is_oid(tag[1]):
            raise PeerFault("the state gives a ref a value that is not an object id")
        if refs.setdefault(tag[0], tag[1]) != tag[1]:
            raise PeerFault("the state gives one ref two values")
    if len(refs) > ADVERT_REFS:
        raise PeerFault(f"the state names more than {ADVERT_REFS} refs")
    return State(event, identifier, tuple(sorted(refs.items())), _head(event))


def pull_tip(event: Event) -> str | None:
    """The commit of a pull request (or update) that must stand at refs/nostr/<event id>."""
    tip = event.first("c")
    return tip if event.kind in kinds.PULLS and is_oid(tip) else None


def with_servers(
    old: Announcement, servers: tuple[str, ...], *, at: int, replacing: bool = False
) -> Draft:
    """A newer announcement that also lists `servers`; every other tag is kept byte for byte.

    Exactly one `clone` and one `relays` tag come out, because ngit-grasp refuses two; entries that
    stood in several are joined in order.

    Args:
        old: the newest announcement known.
        servers: canonical server URLs to add.
        at: the new created_at in seconds; raised to be strictly newer than the old one.
        replacing: drop listed GRASP servers that are not in `servers`.
    """
    owner, identifier = old.coordinate.owner, old.coordinate.identifier
    keep_clone = tuple(
        u
        for u in old.clone
        if not replacing or urls.server_of_clone(u, owner, identifier) in (None, *servers)
    )
    clone = _joined(keep_clone, tuple(urls.clone(s, owner, identifier) for s in servers))
    relays = _joined(old.relays, tuple(map(urls.relay, servers)))
    tags: list[Tag] = []
    for tag in old.event.tags:
        name = tag[0] if tag else ""
        if name in ("clone", "relays"):
            values = clone if name == "clone" else relays
            if not any(kept[0] == name for kept in tags if kept):
                tags.append((name, *values))
        else:
            tags.append(tag)
    present = {tag[0] for tag in tags if tag}
    tags += [(n, *v) for n, v in (("clone", clone), ("relays", relays)) if n not in present]
    created_at = max(at, old.event.created_at + 1)
    return Draft(owner, created_at, kinds.ANNOUNCEMENT, tuple(tags), old.event.content)


def _joined(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Old values as they stand, then those new ones that no old one equals when normalised."""
    seen = {_normal(url) for url in old}
    return (*old, *(url for url in new if _normal(url) not in seen))


def _normal(url: str) -> str:
    try:
        return urls.canonical(url)
    except PeerFault:
        return url


def _signed(event: Template) -> Event:
    if isinstance(event, Event):
        return event
    raise OurFault("a draft stands where an event belongs")


def _identifier(event: Template, kind: int) -> str:
    if event.kind != kind:
        raise PeerFault(f"kind {event.kind} where {kind} was expected")
    identifier = event.first("d")
    if not identifier or identifier in (".", ".."):
        raise PeerFault("the event has no usable d tag")
    if len(identifier.encode()) > IDENTIFIER_BYTES or any(c in identifier for c in "/\\\x00"):
        raise PeerFault("the identifier is too long or holds / \\ or NUL, so no server can host it")
    return identifier


def _listed(event: Template, name: str) -> tuple[str, ...]:
    return tuple(value for tag in event.tags if tag and tag[0] == name for value in tag[1:])


def _maintainers(event: Template) -> tuple[str, ...]:
    """Role tags M and m where any role tag stands (v3), else the `maintainers` tag (v1)."""
    roles = [tag for tag in event.tags if len(tag) > 1 and tag[0] in ("M", "m", "o")]
    if roles:
        named = [tag[1] for tag in roles if tag[0] != "o" and _is_active(tag)]
    else:
        named = list(_listed(event, "maintainers"))
    return tuple(dict.fromkeys(p for p in named if is_hex32(p) and p != event.pubkey))


def _is_active(role: Tag) -> bool:
    """A role with start and end times is active when none or an odd number of them is given."""
    boundaries = len(role) - 2
    return boundaries == 0 or boundaries % 2 == 1


def _head(event: Template) -> str | None:
    value = event.first("HEAD") or ""
    branch = value.removeprefix("ref: ")
    return branch if value.startswith(_HEAD) and is_branch_or_tag(branch) else None
