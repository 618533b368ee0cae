"""Why something that is wanted may not be done to one cell, and what would release it. Pure."""

from __future__ import annotations

from reconciler.facts.dialects import Dialect, Obeys
from reconciler.facts.knowledge import Knowledge
from reconciler.git.refname import NOSTR, is_branch_or_tag
from reconciler.model.observed import Absent, Listing, ServerView, Unknown
from reconciler.model.plan import Hold, HoldReason
from reconciler.nostr import kinds
from reconciler.nostr.addresses import address_of, deleted_by
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import State
from reconciler.plan.pushes import PushOrWhyNot
from reconciler.plan.repository import Repository

_RELEASE = {
    HoldReason.NEEDS_NEW_STATE: "a maintainer signs a new state (any push does), or the server "
    "aligns by itself",
    HoldReason.SERVER_MUST_FETCH: "the server fetches the objects by itself within minutes, or a "
    "maintainer signs a state that keeps the branches",
    HoldReason.REPOSITORY_GONE: "the server's operator restores it, or the owner announces anew",
    HoldReason.FUTURE_STATE: "its time comes, or a maintainer signs a state with the right time",
    HoldReason.PULL_REF_DIFFERS: "the server drops the wrong ref",
    HoldReason.HEAD_DIFFERS: "a maintainer signs a new state (any push does), or the server's "
    "operator sets HEAD",
    HoldReason.AUTHORITY_DIFFERS: "the invited maintainer confirms (announces the repository, "
    "naming the owner as maintainer), or the owner signs a newer state or ends the invitation",
}
_NAMED = 3
"""How many foreign refs a hold names."""


def why_not(repository: Repository, view: ServerView, found: PushOrWhyNot) -> list[Hold]:
    """The hold that stands where a push would be of no use."""
    if found.reason is None:
        return []
    release = _RELEASE[found.reason]
    return [
        Hold(
            coordinate=repository.coordinate,
            server=view.url,
            reason=found.reason,
            detail=found.detail,
            release=release,
        )
    ]


def authority(
    repository: Repository, state: State, dialect: Dialect, found: PushOrWhyNot
) -> PushOrWhyNot | None:
    """Does this family follow somebody else than we do? Then nothing here is moved back."""
    followed = f"state {state.event.id[:12]} by {state.event.pubkey[:12]}"
    rival = repository.rival
    if dialect.obeys is Obeys.INVITED and rival:
        detail = (
            f"a newer state, {rival.event.id[:12]}, is by {rival.event.pubkey[:16]}, who is "
            f"invited and has not confirmed: this family follows it, and here {followed} counts"
        )
        return PushOrWhyNot(reason=HoldReason.AUTHORITY_DIFFERS, detail=detail)
    moves = found.updates or found.head
    if moves and dialect.obeys is Obeys.OWNER and state.event.pubkey != repository.coordinate.owner:
        detail = f"it follows the owner's states only, and {followed}, a maintainer, is the newest"
        return PushOrWhyNot(reason=HoldReason.NEEDS_NEW_STATE, detail=detail)
    return None


def not_grasp(repository: Repository, view: ServerView) -> Hold:
    """Nothing is signed that sends clients to a server which does not show that it is one."""
    detail = "neither its NIP-11 document (supported_grasps) nor its git side shows a GRASP server"
    release = "its document names GRASP-01, or it serves a repository"
    return Hold(
        coordinate=repository.coordinate,
        server=view.url,
        reason=HoldReason.NOT_GRASP,
        detail=detail,
        release=release,
    )


def objects_gone(repository: Repository, view: ServerView, why: Unknown) -> Hold:
    """The refs look right and a clone fails: nothing can be pushed that git believes to be here."""
    detail = f"it lists the refs, and a clone fails: {why}"
    release = "the server's operator restores the objects, or a maintainer signs a new state"
    return Hold(
        coordinate=repository.coordinate,
        server=view.url,
        reason=HoldReason.OBJECTS_GONE,
        detail=detail,
        release=release,
    )


def foreign_refs(
    repository: Repository,
    view: ServerView,
    refs: Listing | Absent,
    dialect: Dialect,
    known: Knowledge,
) -> list[Hold]:
    """Refs that no state and no pull request authorises: anything outside heads, tags and the pull
    refs of known pull requests. They are said; touching them is nobody's errand."""
    listed = refs.refs if isinstance(refs, Listing) else ()
    others = [name for name, _ in listed if not is_branch_or_tag(name)]
    names = [name for name in others if not _is_pull(known.events.get(name.removeprefix(NOSTR)))]
    if not names:
        return []
    more = ", …" if len(names) > _NAMED else ""
    detail = f"{len(names)} refs that nobody authorised: {', '.join(names[:_NAMED])}{more}"
    if any(name.startswith("refs/replace/") for name in names):
        detail += "; refs/replace/ makes git read other objects than those named, and pushes fail "
        detail += "with 'missing necessary objects'"
    release = dialect.foreign.value
    return [
        Hold(
            coordinate=repository.coordinate,
            server=view.url,
            reason=HoldReason.FOREIGN_REFS,
            detail=detail,
            release=release,
        )
    ]


def undead(repository: Repository, view: ServerView, known: Knowledge) -> list[Hold]:
    """Deleted events that a server serves beside their deletion: it has brought them back."""
    deletions = [
        event
        for event in known.related(repository.coordinate)
        if event.kind == kinds.DELETION and event.id in view.served
    ]
    named = {target for deletion in deletions for target in deletion.values("e")}
    named |= {
        target
        for deletion in deletions
        for address in deleted_by(deletion)
        for target in known.children.get(str(address), ())
        if address_of(known.events[target]) == address
    }
    found = sorted((named & view.served & known.events.keys()) - known.live)
    if not found:
        return []
    return [
        Hold(
            coordinate=repository.coordinate,
            server=view.url,
            reason=HoldReason.SERVES_DELETED,
            detail=f"it serves {len(found)} events beside their deletion: "
            f"{', '.join(i[:12] for i in found[:_NAMED])}",
            release="the server carries the deletion out; nobody sends these on",
        )
    ]


def _is_pull(event: Event | None) -> bool:
    """A pull request's ref is no foreign one, even when the event was deleted since."""
    return event is not None and event.kind in kinds.PULLS
