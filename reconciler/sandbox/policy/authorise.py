"""May this push go through? Decided before `git receive-pack` is started, from values alone.

refs/nostr/<event id> has a rule of its own; all other commands follow the family's push rule.
Reasons are in the family's words, because clients show them to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import HEADS, NOSTR, is_branch_or_tag, is_ours
from reconciler.nostr.nip34 import State
from reconciler.sandbox.family.rules import Deletes, Family, NostrPush, PullRules, PushRule
from reconciler.sandbox.family.words import PushWords
from reconciler.sandbox.policy.reading import newest, odd

_PR_BRANCHES = f"{HEADS}pr/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Everything that the decision may look at.

    `current`: heads and tags of the repository. `authority`: empty when the owner announced
    nothing. `waiting` and `stored`: states of the identifier in purgatory and in the store.
    `tips`: the commit that each known pull request among the pushed refs names. `pulls`: how many
    refs/nostr refs there are. `read_only`: an archive that takes no pushes. `owner` and
    `repository` say whose is pushed to, and which.
    """

    updates: tuple[RefUpdate, ...]
    current: Mapping[str, str]
    authority: frozenset[str]
    waiting: tuple[State, ...]
    stored: tuple[State, ...]
    tips: Mapping[str, str | None]
    pulls: int = 0
    read_only: bool = False
    owner: str = ""
    repository: str = ""


def refusal(family: Family, push: Push) -> str | None:
    """Why the push is refused; None when it is authorised."""
    nostr = tuple(u for u in push.updates if u.name.startswith(NOSTR))
    rest = tuple(u for u in push.updates if not u.name.startswith(NOSTR))
    words = family.git.words
    if push.read_only:
        return words.read_only
    if family.git.state_first and (reason := _state_refusal(words, push)):
        return reason
    if reason := _quota_refusal(family, push, nostr):
        return reason
    for update in nostr:
        if reason := _nostr_refusal(family, update, push):
            return reason
    if not rest:
        return None
    if not push.authority:
        return words.no_announcement.format(repository=push.repository)
    if family.git.noop_push and all(u.old == u.new for u in rest):
        return None
    if reason := _name_refusal(family, rest):
        return reason
    if family.git.rule is PushRule.PER_REF:
        return _per_ref_refusal(family, push, rest)
    return _exact_refusal(family, push, rest)


def _state_refusal(words: PushWords, push: Push) -> str | None:
    """khatru: before it looks at any ref, and for all of them."""
    if not any(state.event.pubkey == push.owner for state in push.stored):
        return words.no_state.format(repository=push.repository)
    return None if push.authority else words.no_announcement.format(repository=push.repository)


def _quota_refusal(family: Family, push: Push, nostr: tuple[RefUpdate, ...]) -> str | None:
    """grasp-gitea: so many refs/nostr updates in one push, and refs in all; no ref twice."""
    rules, words = family.pulls, family.git.words
    if rules.per_push is not None:
        names = [u.name for u in push.updates]
        if twice := next((n for n in names if names.count(n) > 1), None):
            return words.duplicate.format(name=twice)
        if len(nostr) > rules.per_push:
            return words.too_many
    new = sum(u.creates for u in nostr)
    if rules.active is not None and new and push.pulls + new > rules.active:
        return words.too_many
    return None


def _nostr_refusal(family: Family, update: RefUpdate, push: Push) -> str | None:
    event_id = nostr_event(family.pulls, update.name)
    words, rule = family.git.words, family.pulls.push
    if event_id is None:
        short = update.name.removeprefix(NOSTR)
        return words.bad_nostr.format(name=update.name, short=short)
    if rule is NostrPush.ANYBODY:
        return None
    if rule is NostrPush.STORED and event_id not in push.tips:
        return words.unknown_event.format(short=event_id)
    if event_id in push.tips and push.tips[event_id] != update.new:
        want = push.tips[event_id]
        return words.nostr_mismatch.format(
            name=update.name, short=event_id, want=want, got=update.new
        )
    return None


def nostr_event(rules: PullRules, name: str) -> str | None:
    """The event id in refs/nostr/<event id>; None when it is none."""
    found = name.lower() if rules.any_case else name
    return found.removeprefix(NOSTR) if found.startswith(NOSTR) and is_ours(found) else None


def _name_refusal(family: Family, rest: tuple[RefUpdate, ...]) -> str | None:
    """Namespaces that the family does not take at all."""
    rules, words = family.git, family.git.words
    for update in rest:
        if not rules.other_refs and not is_branch_or_tag(update.name):
            return words.other_ref.format(name=update.name)
        if not rules.pr_branches and update.name.startswith(_PR_BRANCHES):
            return words.pr_branch.format(name=update.name)
        if update.deletes and rules.deletes is Deletes.NEVER:
            return words.deletion.format(name=update.name)
    return None


def _per_ref_refusal(family: Family, push: Push, rest: tuple[RefUpdate, ...]) -> str | None:
    """GRASP-01: pushes must match the latest state that the recursive maintainers announced."""
    words = family.git.words
    judged = tuple(u for u in rest if is_branch_or_tag(u.name))
    candidates = tuple(s for s in (*push.waiting, *push.stored) if s.event.pubkey in push.authority)
    state = newest(candidates, family.states.tie)
    if judged and state is None:
        return words.no_state.format(repository=push.repository)
    declared = dict(state.refs) if state else {}
    for update in judged:
        wanted = declared.get(update.name)
        if update.deletes and wanted is None and family.git.deletes is Deletes.UNDECLARED:
            continue
        if wanted != update.new:
            text = words.mismatch if wanted else words.undeclared
            short = update.name.split("/", 2)[-1]
            return text.format(
                name=update.name, short=short, want=wanted, old=update.old, got=update.new
            )
    return None


def _exact_refusal(family: Family, push: Push, rest: tuple[RefUpdate, ...]) -> str | None:
    """ngit-grasp: heads and tags after the push must equal a state in purgatory."""
    words = family.git.words
    if not push.waiting:
        return words.none_waits
    ours = tuple(s for s in push.waiting if s.event.pubkey in push.authority)
    if not ours:
        return words.none_counts.format(**_counted(push.waiting))
    after = _after(push.current, rest)
    matching = tuple(s for s in ours if dict(s.refs) == after and not odd(s.signed))
    state = newest(matching, family.states.tie)
    if state is None:
        best = newest(ours, family.states.tie)
        detail = _mismatch(words, dict(best.refs) if best else {}, after)
        return words.none_matches.format(**_counted(ours), detail=detail)
    return _unannounced_branch(family, state, rest)


def _counted(states: tuple[State, ...]) -> dict[str, object]:
    return {"count": len(states), "s": "" if len(states) == 1 else "s"}


def _unannounced_branch(family: Family, state: State, rest: tuple[RefUpdate, ...]) -> str | None:
    """A branch that the state does not hold is refused even when the command deletes it."""
    if family.git.deletes is Deletes.UNDECLARED:
        return None
    declared = dict(state.refs)
    for update in rest:
        if update.name.startswith(HEADS) and update.name not in declared:
            short = update.name.removeprefix(HEADS)
            return family.git.words.branch_deletion.format(name=update.name, short=short)
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


def _mismatch(words: PushWords, declared: dict[str, str], after: dict[str, str]) -> str:
    """The first difference, in words."""
    for name, oid in sorted(declared.items()):
        if name not in after:
            return words.ref_missing.format(name=name, want=oid)
        if after[name] != oid:
            return words.ref_differs.format(name=name, want=oid, got=after[name])
    extra = next((name for name in sorted(after) if name not in declared), "nothing")
    return words.ref_undeclared.format(name=extra)
