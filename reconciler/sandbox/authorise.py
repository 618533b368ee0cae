"""May this push go through? Decided before `git receive-pack` is started, from values alone.

refs/nostr/<event id> needs neither state nor identity, only that a known pull request names that
very commit. All other commands follow the dialect's push rule. Reasons are ngit-grasp's words,
because clients show them to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import HEADS, NOSTR, is_branch_or_tag, is_ours
from reconciler.nostr.nip34 import State
from reconciler.sandbox.dialect import Dialect, PushRule


@dataclass(frozen=True, slots=True)
class Push:
    """Everything that the decision may look at.

    `current`: heads and tags of the repository. `authority`: empty when the owner announced
    nothing. `waiting` and `stored`: states of the identifier in purgatory and in the store.
    `tips`: the commit that each known pull request among the pushed refs names.
    """

    updates: tuple[RefUpdate, ...]
    current: Mapping[str, str]
    authority: frozenset[str]
    waiting: tuple[State, ...]
    stored: tuple[State, ...]
    tips: Mapping[str, str | None]


def refusal(dialect: Dialect, push: Push) -> str | None:
    """Why the push is refused; None when it is authorised."""
    nostr = [u for u in push.updates if u.name.startswith(NOSTR)]
    rest = tuple(u for u in push.updates if not u.name.startswith(NOSTR))
    for update in nostr:
        if reason := _nostr_refusal(update, push.tips):
            return reason
    if not rest:
        return None
    if not push.authority:
        return "No repository announcement found"
    if dialect.noop_push and all(u.old == u.new for u in rest):
        return None
    if not dialect.other_refs:
        for update in rest:
            if not is_branch_or_tag(update.name):
                return f"Ref validation failed: {update.name} is neither a branch nor a tag"
    if dialect.push_rule is PushRule.PER_REF:
        return _per_ref_refusal(dialect, push, rest)
    return _exact_refusal(dialect, push, rest)


def newest(states: tuple[State, ...], *, lowest_id_wins: bool) -> State | None:
    """The state that counts: newest second; among equals the lowest (NIP-01) or highest id."""

    def rank(state: State) -> tuple[int, int]:
        number = int(state.event.id, 16)
        return state.event.created_at, -number if lowest_id_wins else number

    return max(states, key=rank, default=None)


def _nostr_refusal(update: RefUpdate, tips: Mapping[str, str | None]) -> str | None:
    event_id = update.name.removeprefix(NOSTR)
    if not is_ours(update.name):
        return f"Invalid refs/nostr ref: {update.name} does not name an event id"
    if event_id in tips and tips[event_id] != update.new:
        return (
            f"refs/nostr/{event_id} commit mismatch: event has c tag {tips[event_id]},"
            f" push has {update.new}"
        )
    return None


def _per_ref_refusal(dialect: Dialect, push: Push, rest: tuple[RefUpdate, ...]) -> str | None:
    """GRASP-01: pushes must match the latest state that the recursive maintainers announced."""
    candidates = tuple(s for s in (*push.waiting, *push.stored) if s.event.pubkey in push.authority)
    state = newest(candidates, lowest_id_wins=dialect.lowest_id_wins)
    if state is None:
        return "No state event from an authorized publisher found"
    declared = dict(state.refs)
    for update in rest:
        wanted = declared.get(update.name)
        if update.deletes and wanted is None and dialect.branch_delete_by_push:
            continue
        if wanted != update.new:
            return f"Ref validation failed: {update.name} (state declares {wanted or 'nothing'})"
    return None


def _exact_refusal(dialect: Dialect, push: Push, rest: tuple[RefUpdate, ...]) -> str | None:
    """ngit-grasp: heads and tags after the push must equal a state in purgatory."""
    if not push.waiting:
        return "No state events in purgatory"
    ours = tuple(s for s in push.waiting if s.event.pubkey in push.authority)
    if not ours:
        return (
            f"{len(push.waiting)} state event(s) in purgatory but none from authorized publishers"
        )
    after = _after(push.current, rest)
    matching = tuple(s for s in ours if dict(s.refs) == after)
    state = newest(matching, lowest_id_wins=dialect.lowest_id_wins)
    if state is None:
        best = newest(ours, lowest_id_wins=dialect.lowest_id_wins)
        detail = _mismatch(dict(best.refs) if best else {}, after)
        return (
            f"{len(ours)} state event(s) in purgatory from authorized publisher(s)"
            f" but doesn't match push ({detail})"
        )
    return _unannounced_branch(dialect, state, rest)


def _unannounced_branch(dialect: Dialect, state: State, rest: tuple[RefUpdate, ...]) -> str | None:
    """A branch that the state does not hold is refused even when the command deletes it."""
    if dialect.branch_delete_by_push:
        return None
    declared = dict(state.refs)
    for update in rest:
        if update.name.startswith(HEADS) and update.name not in declared:
            branch = update.name.removeprefix(HEADS)
            return (
                f"Ref validation failed: Branch {branch} push rejected:"
                " not announced in state event"
            )
    return None


def _after(current: Mapping[str, str], updates: tuple[RefUpdate, ...]) -> dict[str, str]:
    refs = dict(current)
    for update in updates:
        if not is_branch_or_tag(update.name):
            continue
        if update.deletes:
            refs.pop(update.name, None)
        else:
            refs[update.name] = update.new
    return refs


def _mismatch(declared: dict[str, str], after: dict[str, str]) -> str:
    """The first difference, in words."""
    for name, oid in sorted(declared.items()):
        if name not in after:
            return f"{name} missing (state declares {oid})"
        if after[name] != oid:
            return f"{name} at {after[name]} (state declares {oid})"
    extra = next((name for name in sorted(after) if name not in declared), "nothing")
    return f"{extra} not declared by state"
