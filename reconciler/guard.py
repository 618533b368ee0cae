"""Stage four: is the plan true to its contract, and safe? Pure.

It borrows nothing of the planner's reasoning: what a state makes a server delete is reckoned here a
second time, so that a deletion that the planner forgot is still seen.

Two judges. `contract` checks any plan, whoever made it, against rules that hold always; a breach
is our fault and stops the run. `judge` weighs how much the plan would destroy; what is too much is
kept back cell by cell, so that one bad repository never stops the others, and is let through only
by an acceptance that names the guard and this plan's digest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import singledispatch
from statistics import median

from reconciler.facts.signing import relays
from reconciler.git.advertisement import ZERO
from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import is_branch_or_tag, is_ours
from reconciler.limits import CLOCK_SECONDS, SIGNATURES
from reconciler.model.actions import Action, Publish, Push, Sign, Wave
from reconciler.model.desired import Desired, Safety
from reconciler.model.observed import Listing, Observed
from reconciler.model.outcome import Finding
from reconciler.model.plan import Plan
from reconciler.nostr import kinds
from reconciler.nostr.event import Draft, Event, Template
from reconciler.nostr.nip34 import Coordinate, State, announcement, state

MASS_DELETE = "mass-delete"
MASS_UPDATE = "mass-update"
DELETE_ALL = "delete-all"
DELETE_HEAD = "delete-head"
MASS_SIGN = "mass-sign"
UNSURE = "announcement-unsure"
CLOCK = "clock-unsure"
GUARDS = (MASS_DELETE, MASS_UPDATE, DELETE_ALL, DELETE_HEAD, MASS_SIGN, UNSURE, CLOCK)
HOLDS = frozenset({UNSURE, CLOCK})
"""Guards that speak of the world and not of the plan: what they keep back is held, not refused."""


def contract(plan: Plan, desired: Desired) -> tuple[str, ...]:
    """Breaches of what every plan promises; empty for a right plan."""
    servers = {s.url for s in desired.servers} | set(desired.index_relays)
    owners = {n.pubkey: n.signer for n in desired.npubs}
    origins = {c: source.url for c, source in desired.sources if source.adopt}
    found = []
    keys = [action.key for action in plan.actions]
    if len(keys) != len(set(keys)):
        found.append("two actions have one key")
    for action in plan.actions:
        if action.coordinate.owner not in owners:
            found.append(f"{action.key}: its owner is not in the desired state")
        if action.server and action.server not in servers:
            found.append(f"{action.key}: its server is not in the desired state")
        found += _breaches(action, owners)
        if isinstance(action, Sign):
            found += _unfounded(action, origins)
    return tuple(found)


def judge(
    plan: Plan, desired: Desired, observed: Observed, accepted: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Which actions destroy too much.

    Args:
        plan: the plan.
        desired: holds the limits (`policies.safety`).
        observed: what stands on the servers now.
        accepted: names of guards that a person lifted for this very plan.
    """
    names = {repository.coordinate: repository.name for repository in plan.repositories}
    followed = {repository.coordinate: repository.state for repository in plan.repositories}
    events: dict[str, Template] = {event.id: event for event in observed.events}
    events |= {sign.draft.id: sign.draft for sign in plan.signs}
    findings: list[Finding] = []
    for (coordinate, server), actions in _by_cell(plan).items():
        cell = observed.view(server).refs(coordinate)
        if not isinstance(cell, Listing):
            continue
        updates = _effect(actions, cell, events)
        keys = tuple(action.key for action in actions)
        head = _head(followed.get(coordinate), events)
        for guard, detail in _dangers(updates, cell, head, desired.policies.safety):
            lifted = guard in accepted
            findings.append(
                Finding(
                    guard=guard,
                    repository=names[coordinate],
                    server=server,
                    detail=detail,
                    keys=keys,
                    accepted=lifted,
                )
            )
    signs = tuple(sign.key for sign in plan.signs)
    if len(signs) > SIGNATURES:
        detail = f"makes {len(signs)} signatures (limit {SIGNATURES})"
        lifted = MASS_SIGN in accepted
        findings.append(
            Finding(
                guard=MASS_SIGN,
                repository="all repositories",
                server=None,
                detail=detail,
                keys=signs,
                accepted=lifted,
            )
        )
    return (*findings, *_doubts(plan, desired, observed, accepted))


def _doubts(
    plan: Plan, desired: Desired, observed: Observed, accepted: Collection[str]
) -> Iterable[Finding]:
    """Why nothing should be signed now, each doubt with the repositories that it concerns."""
    events = {event.id: event for event in observed.events}
    names = {repository.coordinate: repository.name for repository in plan.repositories}
    stands = {r.coordinate: events.get(r.announcement) for r in plan.repositories}
    groups: defaultdict[tuple[str, str], list[Sign]] = defaultdict(list)
    for sign in plan.signs:
        standing = stands.get(sign.coordinate) or events.get(sign.before or "")
        for doubt in _doubted(sign, standing, desired, observed):
            groups[doubt].append(sign)
    for (guard, detail), signs in groups.items():
        first = ", ".join(names[sign.coordinate] for sign in signs[:3])
        more = f" and {len(signs) - 3} more" if len(signs) > 3 else ""
        keys = tuple(sign.key for sign in signs)
        yield Finding(
            guard=guard,
            repository=first + more,
            server=None,
            detail=detail,
            keys=keys,
            accepted=guard in accepted,
            hold=True,
        )


def _doubted(
    sign: Sign, stands: Event | None, desired: Desired, observed: Observed
) -> Iterable[tuple[str, str]]:
    """The owner may have announced anew where nobody could read, or a maintainer signed a state
    there, and what is signed now would undo it; and a date ahead of its time cannot be taken back.
    `stands` is the announcement that relays are read by; None: there is none yet."""
    what = "state" if sign.draft.kind == kinds.STATE else "announcement"
    named = relays(announcement(stands)) if stands else frozenset()
    read = {view.url for view in observed.views if view.unknown is None}
    silent = {view.url for view in observed.views if view.unknown} | (named - read)
    if silent:
        places = ", ".join(sorted(map(desired.called, silent)))
        yield UNSURE, f"a newer {what} may stand on {places}, which could not be read"
    skews = [view.skew for view in observed.views if view.skew is not None]
    ahead = median(skews) if skews else 0.0
    if abs(ahead) > CLOCK_SECONDS:
        words = "ahead of" if ahead > 0 else "behind"
        yield CLOCK, f"our clock is {abs(ahead):.0f} s {words} the servers'"
    if sign.draft.created_at > observed.at + CLOCK_SECONDS:
        days = (sign.draft.created_at - observed.at) / 86_400
        yield CLOCK, f"the {what} that stands is from the future, by {days:.1f} days"


def withheld(findings: Iterable[Finding]) -> frozenset[str]:
    """Keys of the actions that may not run."""
    return frozenset(key for f in findings if not f.accepted for key in f.keys)


@singledispatch
def _breaches(action: Action, _: Mapping[str, str | None]) -> Iterable[str]:
    """The rules of each kind of action; one that nobody has given rules breaks them."""
    yield f"{action.key}: nobody has said what it may do"


@_breaches.register
def _(_action: Publish, _: Mapping[str, str | None]) -> Iterable[str]:
    """An event is signed by its author: sending it on can break nothing."""
    return ()


@_breaches.register
def _(action: Push, _: Mapping[str, str | None]) -> Iterable[str]:
    for update in _foreign(action):
        yield f"{action.key}: {update.name!r} is outside our refs"
    if action.wave == Wave.PULLS and any(not u.creates for u in action.updates):
        yield f"{action.key}: a pull ref would be changed or deleted"
    nothing = not action.updates and action.head is None
    if nothing or any(u.old == u.new for u in action.updates):
        yield f"{action.key}: changes nothing"


@_breaches.register
def _(action: Sign, owners: Mapping[str, str | None]) -> Iterable[str]:
    draft = action.draft
    if draft.kind not in (kinds.ANNOUNCEMENT, kinds.STATE):
        yield f"{action.key}: would sign neither an announcement nor a state"
    if draft.pubkey != action.coordinate.owner:
        yield f"{action.key}: would sign for somebody else than the owner"
    if owners.get(draft.pubkey) != action.signer:
        yield f"{action.key}: the signer is not the one of the desired state"
    if _identifier(draft) != action.coordinate.identifier:
        yield f"{action.key}: would sign for another repository"


def _unfounded(sign: Sign, origins: Mapping[Coordinate, str]) -> Iterable[str]:
    """States come from the source that the desired state names and from nothing else, and never
    without refs: servers would delete everything."""
    if sign.draft.kind != kinds.STATE:
        return
    if sign.source != origins.get(sign.coordinate):
        yield f"{sign.key}: no source is named whose states are adopted"
    if not state(sign.draft).refs:
        yield f"{sign.key}: would sign a state without refs"


def _identifier(draft: Draft) -> str | None:
    """NIP-01: the first `d` tag counts."""
    return next((tag[1] for tag in draft.tags if len(tag) > 1 and tag[0] == "d"), None)


def _foreign(push: Push) -> list[RefUpdate]:
    allowed = is_branch_or_tag if push.wave == Wave.PUSH else is_ours
    return [u for u in push.updates if not allowed(u.name)]


def _by_cell(plan: Plan) -> dict[tuple[Coordinate, str], list[Action]]:
    """Actions that change heads and tags: the push, and the state by which a server aligns.

    A state aligns every repository of its identifier that follows it, whoever owns that.
    """
    followers: defaultdict[str | None, list[Coordinate]] = defaultdict(list)
    for repository in plan.repositories:
        followers[repository.state].append(repository.coordinate)
    cells: defaultdict[tuple[Coordinate, str], list[Action]] = defaultdict(list)
    for action in plan.actions:
        moved = followers[action.sends] if action.wave == Wave.STATE else []
        if action.wave == Wave.PUSH:
            moved = [action.coordinate]
        for coordinate in moved:
            cells[coordinate, action.server or ""].append(action)
    return cells


def _effect(
    actions: Iterable[Action], cell: Listing, events: Mapping[str, Template]
) -> tuple[RefUpdate, ...]:
    """What the refs of a cell will go through; a state alone makes servers delete, too."""
    updates: dict[str, RefUpdate] = {}
    for action in actions:
        found = action.changes
        if action.sends:
            found = _following(state(events[action.sends]), cell)
        updates |= {update.name: update for update in found}
    return tuple(updates.values())


def _head(followed: str | None, events: Mapping[str, Template]) -> str | None:
    """The branch that a signed state names as HEAD, among its own; it has said what goes."""
    wanted = state(events[followed]) if followed and followed in events else None
    return wanted.head if wanted and wanted.head in dict(wanted.refs) else None


def _following(wanted: State, cell: Listing) -> tuple[RefUpdate, ...]:
    """What a server goes through that makes its heads and tags equal to a state."""
    have = {name: oid for name, oid in cell.refs if is_branch_or_tag(name)}
    want = dict(wanted.refs)
    pairs = [(n, have.get(n, ZERO), want.get(n, ZERO)) for n in have.keys() | want.keys()]
    return tuple(RefUpdate(*pair) for pair in sorted(pairs) if pair[1] != pair[2])


def _dangers(
    updates: tuple[RefUpdate, ...], cell: Listing, head: str | None, safety: Safety
) -> Iterable[tuple[str, str]]:
    existing = sum(is_branch_or_tag(name) for name, _ in cell.refs)
    gone = {u.name for u in updates if u.deletes}
    moved = sum(not u.deletes and not u.creates for u in updates)
    made = sum(u.creates for u in updates)
    if gone and len(gone) == existing and not made:
        yield DELETE_ALL, f"deletes all {existing} refs"
    if cell.head in gone and head in (None, cell.head):
        yield DELETE_HEAD, f"deletes {cell.head}, which HEAD names"
    if existing < safety.min_existing:
        return
    if len(gone) * 100 > safety.max_delete_percent * existing:
        yield MASS_DELETE, _numbers("deletes", len(gone), existing, safety.max_delete_percent)
    if moved * 100 > safety.max_update_percent * existing:
        yield MASS_UPDATE, _numbers("updates", moved, existing, safety.max_update_percent)


def _numbers(verb: str, count: int, existing: int, limit: int) -> str:
    return f"{verb} {count} of {existing} refs ({count * 100 // existing} %, limit {limit} %)"
