"""What holds for one identifier: who announced it, which states are served, which wait, and which
one of them governs a repository.

Pure. `Service.standing` reads one under the identifier's lock; whoever works under that lock passes
it on instead of asking again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.nostr.nip34 import Coordinate, State
from reconciler.sandbox.family.rules import StateRules
from reconciler.sandbox.policy.maintainers import Announced
from reconciler.sandbox.policy.reading import newest


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment. `stored` are the states that are served, in the order of arrival where the
    family's tie needs it; `waiting` are those in purgatory, oldest first."""

    rules: StateRules
    announced: Announced
    stored: tuple[State, ...]
    waiting: tuple[State, ...]

    @property
    def repositories(self) -> tuple[Coordinate, ...]:
        """All that are announced, by owner, whether or not they exist here."""
        return self.announced.repositories

    def authority(self, owner: str) -> frozenset[str]:
        """Whose states count for an owner's repository; empty: nothing is announced."""
        if self.rules.owner_only:
            return frozenset({owner} & self.announced.by_owner.keys())
        return self.announced.authority(owner)

    def governing(self, owner: str) -> State | None:
        """The newest served state that counts for the owner's repository."""
        return newest(self._of(owner, self.stored), self.rules.tie)

    def settled(self, owner: str) -> State | None:
        """The governing state, unless a newer one is on its way, perhaps in parts."""
        state = self.governing(owner)
        if state is None:
            return None
        ours = self._of(owner, self.waiting)
        return state if newest((state, *ours), self.rules.tie) == state else None

    def outranks(self, state: State, owner: str) -> bool:
        """Would this state govern the owner's repository, if it were served?"""
        return newest((*self._of(owner, self.stored), state), self.rules.tie) == state

    def without(self, state: State) -> Standing:
        """The same when the state no longer waits."""
        return replace(self, waiting=tuple(s for s in self.waiting if s.event != state.event))

    def serving(self, state: State) -> Standing:
        """The same when the state is served: of one author only the newest one is (NIP-01)."""
        others = tuple(s for s in self.stored if s.event.pubkey != state.event.pubkey)
        return replace(self, stored=(*others, state))

    def _of(self, owner: str, states: tuple[State, ...]) -> tuple[State, ...]:
        authority = self.authority(owner)
        return tuple(s for s in states if s.event.pubkey in authority)
