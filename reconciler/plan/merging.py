"""The refs of the next state: those of the source, ref by ref, without losing any commit. Pure.

A ref that is new at the source, or that moved on there, is taken. One that was rewritten, or that
went although nothing contains it, stays as the newest state has it. What went goes last: some
families take a state that brings objects or one that drops branches, and none that does both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.facts.sources import branches_and_tags, main_branch
from reconciler.git.advertisement import PEELED
from reconciler.git.refname import HEADS, clash
from reconciler.model.desired import Source
from reconciler.model.observed import Ancestry, Listing
from reconciler.nostr.nip34 import State


@dataclass(kw_only=True)
class Merge:
    """The refs of the next state, as they come together.

    `kept` are (name, why) of those that stay although the source has them otherwise; `gone` those
    that go; `later` says what is left for the state after this one.
    """

    refs: dict[str, str]
    kept: list[tuple[str, str]] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)
    later: str = ""


def merge(
    base: State | None,
    listing: Listing,
    ancestry: Mapping[tuple[str, str], Ancestry],
    source: Source,
    *,
    one_thing: bool,
) -> Merge:
    """Take from a source what it has beyond the newest state.

    Args:
        base: the newest state; None: there is none.
        listing: what the source has.
        ancestry: what is known of each move, by (old, new).
        source: says which losses are accepted.
        one_thing: some server takes new objects or dropped branches by one state, and not both.
    """
    old, new = dict(base.refs) if base else {}, branches_and_tags(listing)
    main = new.get(main_branch(listing) or "", "")
    found = Merge(refs={name: oid for name, oid in new.items() if old.get(name, oid) == oid})
    for name, stood in old.items():
        if name not in new:
            contained = stood in new.values() or _leads(ancestry.get((stood, main)))
            if contained or _allowed(stood, source):
                found.gone[name] = stood
                continue
            found.kept.append((name, f"it went, and its {stood} is in nothing that is left"))
            found.refs[name] = stood
        elif new[name] != stood:
            step = ancestry.get((stood, new[name]))
            taken = _leads(step) or _allowed(new[name], source)
            found.refs[name] = new[name] if taken else stood
            found.kept += [] if taken else [(name, _dropped(stood, new[name], step))]
    return _in_turn(found, old) if one_thing else found


def head(listing: Listing, refs: Mapping[str, str], base: State | None) -> str | None:
    """The branch that HEAD names in the next state: the source's, where it is among its refs."""
    wanted = (listing.head, base.head if base else None, main_branch(listing))
    return next((branch for branch in wanted if branch in refs), None)


def peeled(refs: Mapping[str, str], listing: Listing, base: State | None) -> dict[str, str]:
    """What the annotated tags of the next state point to: the source says it of its own, and the
    newest state of those that were kept."""
    told, listed, found = dict(listing.peeled), dict(listing.refs), {}
    for name, oid in refs.items():
        points = told.get(name) if listed.get(name) == oid else None
        if points is None and base:
            points = base.event.first(name + PEELED)
        if points:
            found[name] = points
    return found


def _leads(step: Ancestry | None) -> bool:
    return step is not None and step.forward is True


def _allowed(oid: str, source: Source) -> bool:
    return source.rewrites is None or oid in source.rewrites


def _dropped(old: str, new: str, step: Ancestry | None) -> str:
    """What a move would drop, in words."""
    if step is None or step.forward is None:
        return f"whether {new} contains {old} could not be learnt"
    commits = "1 commit" if step.count == 1 else f"{step.count} commits"
    return f"{new} lacks {commits} of {old}"


def _in_turn(found: Merge, stood: Mapping[str, str]) -> Merge:
    """First what is new, then what goes; the other way round where a name is in the way."""
    branches = {name: oid for name, oid in found.gone.items() if name.startswith(HEADS)}
    if not branches or set(found.refs.values()) <= set(stood.values()):
        return found
    some = ", ".join(sorted(branches)[:3]) + (", …" if len(branches) > 3 else "")
    both = found.refs | branches
    if clash(frozenset(both)):
        found.refs = {name: oid for name, oid in stood.items() if name not in found.gone}
        found.later = f"what is new at the source comes after {some} went"
    else:
        found.refs = both
        found.later = f"{some} went at the source, and goes after what is new has come"
    return found
