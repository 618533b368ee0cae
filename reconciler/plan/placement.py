"""Where a repository should be, and whether its announcement must be signed anew. Pure."""

from __future__ import annotations

from reconciler.facts.dialects import SPEC, detect
from reconciler.facts.selection import ranked
from reconciler.facts.signing import may_sign
from reconciler.model.actions import Sign
from reconciler.model.desired import Desired
from reconciler.model.observed import Listing, Observed, ServerView, lookup
from reconciler.nostr.drafts import resumed
from reconciler.nostr.event import without
from reconciler.nostr.nip34 import Announcement, Coordinate, with_servers


def wanted(desired: Desired, observed: Observed, announcement: Announcement) -> tuple[str, ...]:
    """URLs of the servers on which this repository should be, in the order of the desired state.

    Servers that the announcement lists are always wanted. A number of replicas bounds what is
    added: others join by rendezvous hash until that many healthy ones are found.
    """
    return places(desired, observed, announcement.coordinate, announcement.servers())


def places(
    desired: Desired, observed: Observed, coordinate: Coordinate, listed: frozenset[str]
) -> tuple[str, ...]:
    """The same for a repository that lists these servers."""
    allowed = tuple(server.url for server in desired.allowed(coordinate))
    replicas = desired.policies.replicas
    if replicas is None:
        return allowed
    chosen = {url for url in allowed if url in listed}
    for url in ranked(str(coordinate), allowed):
        if sum(observed.view(u).unknown is None for u in chosen) < replicas:
            chosen.add(url)
    return tuple(url for url in allowed if url in chosen)


def signing(
    desired: Desired, observed: Observed, announcement: Announcement, places: tuple[str, ...]
) -> Sign | None:
    """The announcement update that lists wanted servers which it does not list yet.

    Only servers that answered in this run are added, and that are known to be GRASP servers: one
    that is down now may be gone. Whether anything may be signed now is the guard's question.
    """
    owner = announcement.coordinate.owner
    npub = desired.npub(owner)
    if not npub or not may_sign(desired, owner) or announcement.private:
        return None
    listed = announcement.servers()
    adds = fit(desired, observed, tuple(url for url in places if url not in listed))
    if not adds:
        return None
    draft = with_servers(announcement, adds, at=observed.at)
    draft = resumed(draft, observed.requested, after=announcement.event.created_at)
    signer = npub.signer or ""
    return Sign(
        coordinate=announcement.coordinate,
        signer=signer,
        before=announcement.event.id,
        adds=adds,
        draft=draft,
        added=without(draft.tags, announcement.event.tags),
        dropped=without(announcement.event.tags, draft.tags),
    )


def fit(desired: Desired, observed: Observed, places: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some servers that an announcement may list from now on."""
    found = reachable(desired, observed, places)
    return tuple(url for url in found if is_grasp(observed.view(url)))


def reachable(desired: Desired, observed: Observed, places: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some servers that can be written to in this run."""
    paused = {server.url for server in desired.servers if server.paused(observed.at)}
    views = (observed.view(url) for url in places if url not in paused)
    return tuple(view.url for view in views if view.unknown is None)


def is_grasp(view: ServerView) -> bool:
    """Is it known to be a GRASP server? Its NIP-11 document says so (`supported_grasps`, or the
    software of a known family: ngit-relay names no GRASP), or its git side serves a repository. A
    list with a wrong name in it must not become a signed claim."""
    says = view.info is not None and any(g.startswith("GRASP-") for g in view.info.grasps)
    return (
        says
        or detect(view.info) is not SPEC
        or any(isinstance(refs, Listing) for _, refs in view.listings)
    )


def sources(
    observed: Observed, coordinate: Coordinate, oids: frozenset[str]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Servers, and the repository's own source, that advertise some of these objects, those with
    most first; and what nobody has.

    Objects in the archive need no source.
    """
    missing = oids - (lookup(observed.archived, coordinate) or frozenset())
    origin = lookup(observed.sources, coordinate)
    answers = [(view.url, view.refs(coordinate)) for view in observed.views]
    answers += [(origin.url, origin.refs)] if origin else []
    offers = {
        url: {oid for _, oid in refs.refs} & missing
        for url, refs in answers
        if isinstance(refs, Listing)
    }
    found = frozenset().union(*offers.values()) if offers else frozenset()
    order = sorted((u for u in offers if offers[u]), key=lambda u: (-len(offers[u]), u))
    return tuple(order), missing - found
