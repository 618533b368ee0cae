"""States as a family reads and ranks them: what nip34 refuses, most families skip or keep.

Pure. A value that is no object id is kept as it is: an object that nobody has, so that a state with
one is never applied.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.errors import PeerFault
from reconciler.git.refname import HEADS, is_branch_or_tag
from reconciler.nostr import nip34
from reconciler.nostr.event import Event, Tag
from reconciler.nostr.nip34 import State
from reconciler.sandbox.family.rules import StateRules, Tie

_SYMBOLIC = "ref: "


def state(rules: StateRules, event: Event) -> State:
    """Read a state by the family's rules.

    Raises:
        PeerFault: as `nip34.state`, but where the family takes odd values they are no fault.
    """
    found = _with_odd_values(event) if rules.odd_values and odd(event) else nip34.state(event)
    if rules.bare_head and found.head is None:
        value = event.first("HEAD") or ""
        if value.startswith(HEADS) and is_branch_or_tag(value):
            return replace(found, head=value)
    return found


def odd(event: Event) -> bool:
    """Does it give a ref a value that is no object id, so that no push can ever equal it?"""
    return any(is_branch_or_tag(tag[0]) and not nip34.is_oid(tag[1]) for tag in _pairs(event))


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
    """The state that counts: newest second; among equals as the family decides. With Tie.LAST the
    states must stand in the order of their arrival."""

    def rank(state: State) -> tuple[int, int]:
        number = int(state.event.id, 16)
        equals = {Tie.LOWEST: -number, Tie.HIGHEST: number, Tie.LAST: 0}
        return state.event.created_at, equals[tie]

    return max(reversed(states), key=rank, default=None)  # the last one among equal ranks


def _with_odd_values(event: Event) -> State:
    """The same, without the refs that have a symbolic value."""
    refs = {
        tag[0]: tag[1]
        for tag in _pairs(event)
        if is_branch_or_tag(tag[0]) and not tag[1].startswith(_SYMBOLIC)
    }
    identifier = event.first("d")
    if not identifier:
        raise PeerFault("the state has no d tag")
    head = (event.first("HEAD") or "").removeprefix(_SYMBOLIC)
    return State(event, identifier, tuple(sorted(refs.items())), head if head in refs else None)


def _pairs(event: Event) -> tuple[Tag, ...]:
    return tuple(tag for tag in event.tags if len(tag) > 1)
