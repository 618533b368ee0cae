"""States as a family reads and ranks them: what nip34 refuses, some families skip or accept.

Pure. A literal value is kept apart from what can be applied, because a push is compared with it.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.errors import PeerFault
from reconciler.git.refname import HEADS, is_branch_or_tag
from reconciler.nostr import nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import State
from reconciler.sandbox.family.rules import StateRules, Tie

_SYMBOLIC = "ref: "


def state(rules: StateRules, event: Event) -> State:
    """Read a state by the family's rules.

    Raises:
        PeerFault: as `nip34.state`, but where the family skips symbolic values they are no fault.
    """
    skips = rules.skips_symbolic and symbolic(event)
    found = _without_symbolic(event) if skips else nip34.state(event)
    if rules.bare_head and found.head is None:
        value = event.first("HEAD") or ""
        if value.startswith(HEADS) and is_branch_or_tag(value):
            return replace(found, head=value)
    return found


def symbolic(event: Event) -> bool:
    """Does it give a ref a symbolic value (`ref: …`), which no push can ever equal?"""
    return any(_is_symbolic(tag) for tag in event.tags)


def states(rules: StateRules, events: tuple[Event, ...]) -> tuple[State, ...]:
    """Those that can be read: families that store anything store broken ones too."""
    found = []
    for event in events:
        try:
            found.append(state(rules, event))
        except PeerFault:
            continue
    return tuple(found)


def newest(states: tuple[State, ...], tie: Tie) -> State | None:
    """The state that counts: newest second; among equals as the family decides. With Tie.FIRST the
    states must stand in the order of their arrival."""

    def rank(state: State) -> tuple[int, int]:
        number = int(state.event.id, 16)
        equals = {Tie.LOWEST: -number, Tie.HIGHEST: number, Tie.FIRST: 0}
        return state.event.created_at, equals[tie]

    return max(states, key=rank, default=None)  # the first one among equal ranks


def _without_symbolic(event: Event) -> State:
    """The same, of the refs that have an object id."""
    refs = {
        tag[0]: tag[1]
        for tag in event.tags
        if len(tag) > 1 and is_branch_or_tag(tag[0]) and not _is_symbolic(tag)
    }
    identifier = event.first("d")
    if not identifier or not all(map(nip34.is_oid, refs.values())):
        raise PeerFault("the state has no d tag, or a value that is not an object id")
    head = (event.first("HEAD") or "").removeprefix(_SYMBOLIC)
    return State(event, identifier, tuple(sorted(refs.items())), head if head in refs else None)


def _is_symbolic(tag: tuple[str, ...]) -> bool:
    return len(tag) > 1 and is_branch_or_tag(tag[0]) and tag[1].startswith(_SYMBOLIC)
