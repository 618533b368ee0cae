"""How the refs of a server differ from a state. Pure."""

from __future__ import annotations

from reconciler.git.advertisement import ZERO
from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import is_branch_or_tag
from reconciler.nostr.nip34 import State


def differences(state: State, refs: tuple[tuple[str, str], ...]) -> tuple[RefUpdate, ...]:
    """Heads and tags that differ from the state; deletions last, so that a listing reads well."""
    have = {name: oid for name, oid in refs if is_branch_or_tag(name)}
    want = dict(state.refs)
    writes = [RefUpdate(n, have.get(n, ZERO), o) for n, o in state.refs if have.get(n) != o]
    deletes = [RefUpdate(n, o, ZERO) for n, o in sorted(have.items()) if n not in want]
    return (*writes, *deletes)


def moves(state: State, refs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """(old, new) of heads and tags that are there and stand elsewhere: each may drop commits."""
    found = (u for u in differences(state, refs) if not u.creates and not u.deletes)
    return tuple(dict.fromkeys((update.old, update.new) for update in found))
