"""What a source makes of a repository: its first announcement, and the next state to sign. Pure.

Which refs that state names is worked out in `merging`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.facts.dialects import detect
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.refs import differences
from reconciler.facts.sources import adopted, branches_and_tags
from reconciler.git.refname import HEADS, clash
from reconciler.limits import REPAIR_SECONDS
from reconciler.model.actions import Sign, Why
from reconciler.model.desired import Desired
from reconciler.model.observed import Listing, Observed, lookup
from reconciler.model.plan import Hold
from reconciler.nostr import drafts, kinds, nip34
from reconciler.nostr.event import Draft, without
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.plan import reasons
from reconciler.plan.merging import head, merge, peeled


@dataclass(frozen=True, slots=True)
class Adoption:
    """The state that a source brings, with the action that signs it; None where it brings none.
    `holds` say what was not taken."""

    sign: Sign | None = None
    state: State | None = None
    holds: tuple[Hold, ...] = ()


def adopt(
    desired: Desired,
    observed: Observed,
    known: Knowledge,
    coordinate: Coordinate,
    base: State | None,
    servers: tuple[str, ...],
) -> Adoption:
    """The next state of a repository by its source.

    Args:
        desired: names the source, and whether it is adopted.
        observed: holds what the source lists.
        known: every version of the state that anybody served.
        coordinate: the repository.
        base: the newest state that counts; None: there is none.
        servers: those that will get the state (canonical URLs).
    """
    source, view = adopted(desired, coordinate), lookup(observed.sources, coordinate)
    if source is None or view is None or not servers:
        return Adoption()
    listing = view.refs
    if not isinstance(listing, Listing):
        return Adoption(holds=(reasons.source_unread(coordinate, view.url, listing),))
    if not any(name.startswith(HEADS) for name in branches_and_tags(listing)):
        # an empty listing is nobody's word: nothing goes because a host lost what it had
        return Adoption(holds=(reasons.source_unread(coordinate, view.url, "it lists no branch"),))
    steps = {(one.old, one.new): one for one in lookup(observed.ancestry, coordinate) or ()}
    next_ = merge(base, listing, steps, source, one_thing=_takes_one_thing(observed, servers))
    if pair := clash(frozenset(next_.refs)):
        next_.kept.append((pair[1], f"it cannot stand beside {pair[0]}"))
    kept = reasons.source_diverged(coordinate, source.url, next_.kept)
    holds = [kept] if next_.kept else []
    branch = head(listing, next_.refs, base)
    same = base and (base.refs, base.head) == (tuple(sorted(next_.refs.items())), branch)
    again = bool(base and same and _is_stuck(observed, coordinate, base, servers))
    if pair or (same and not again):
        return Adoption(holds=tuple(holds))
    if base and observed.began is not None and base.event.created_at >= observed.began:
        # two states of one run could not be told apart from a run that never ends
        waits = reasons.next_state(coordinate, "the source has more than this run has signed")
        return Adoption(holds=(*holds, waits))
    holds += [reasons.next_state(coordinate, next_.later)] if next_.later else []
    newest = _newest(known, coordinate, base)
    points = peeled(next_.refs, listing, base)
    at = max(observed.at, newest + 1)
    draft = drafts.state(coordinate, next_.refs, points, branch, at=at)
    draft = drafts.resumed(draft, observed.requested, after=newest)
    why = Why.SERVER_STUCK if again else Why.SOURCE_AHEAD
    sign = _sign(desired, coordinate, draft, base, servers, view.url, why)
    return Adoption(sign, nip34.state(draft), tuple(holds))


def first(
    desired: Desired, observed: Observed, coordinate: Coordinate, servers: tuple[str, ...]
) -> Sign | None:
    """The first announcement of a repository, listing these servers; None where its source does not
    tell what belongs in it."""
    source, view = desired.source(coordinate), lookup(observed.sources, coordinate)
    npub = desired.npub(coordinate.owner)
    if not source or not view or not view.root or not npub:
        return None
    draft = drafts.announcement(
        coordinate,
        servers,
        at=observed.at,
        root=view.root,
        name=source.name,
        description=source.description,
        web=source.web,
    )
    draft = drafts.resumed(draft, observed.requested, after=0)
    return Sign(
        coordinate=coordinate,
        signer=npub.signer or "",
        before=None,
        adds=servers,
        draft=draft,
        why=Why.NEVER_ANNOUNCED,
        added=draft.tags,
        source=source.url,
    )


def _takes_one_thing(observed: Observed, servers: Iterable[str]) -> bool:
    """Is there a server that takes new objects or dropped branches by one state, and not both?"""
    families = (detect(observed.view(url).info) for url in servers)
    return any(family.exact and not family.deletes_branches for family in families)


def _is_stuck(
    observed: Observed, coordinate: Coordinate, base: State, servers: Iterable[str]
) -> bool:
    """Does a server serve the newest state with other refs, and take them by a newer one alone
    (docs/protocol.md §4.1)? Such a one is signed REPAIR_SECONDS after the last at the earliest."""
    if observed.at < base.event.created_at + REPAIR_SECONDS:
        return False
    for view in map(observed.view, servers):
        refs = view.refs(coordinate)
        stored = base.event.id in view.served and detect(view.info).purgatory_only
        if stored and isinstance(refs, Listing) and differences(base, refs.refs):
            return True
    return False


def _sign(
    desired: Desired,
    coordinate: Coordinate,
    draft: Draft,
    base: State | None,
    servers: tuple[str, ...],
    source: str,
    why: Why,
) -> Sign:
    npub = desired.npub(coordinate.owner)
    before = base.event.tags if base else ()
    return Sign(
        coordinate=coordinate,
        signer=(npub.signer if npub else None) or "",
        before=base.event.id if base else None,
        adds=servers,
        draft=draft,
        why=why,
        added=without(draft.tags, before),
        dropped=without(before, draft.tags),
        source=source,
    )


def _newest(known: Knowledge, coordinate: Coordinate, base: State | None) -> int:
    """The latest second of any version or deletion of the owner's state, and of the state that
    counts: what is signed next must be newer than all of them."""
    address = f"{kinds.STATE}:{coordinate.owner}:{coordinate.identifier}"
    names = {*known.children.get(str(coordinate), ()), *known.children.get(address, ())}
    own = (kinds.STATE, kinds.DELETION)
    events = (known.events[i] for i in names)
    times = [e.created_at for e in events if e.pubkey == coordinate.owner and e.kind in own]
    return max([*times, base.event.created_at if base else 0])
