"""A hunt for objects: which source to ask next, and what is still missing. Pure values.

    next ─▶ Ask ─▶ (somebody asks) ─▶ found: what arrived │ nothing ─▶ next …
                                       gave_up: never ask that source again
    no source left ─▶ the round is over; `queue` says when the next one begins, and without whom

Every answer counts, however small: half of the objects from one source and half from another
make a whole (GRASP-02).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this source for these objects."""

    source: str
    oids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hunt:
    """`missing` shrinks; `sources` are asked in order, each once a round. After `expires` (seconds
    on the caller's clock) nobody is asked."""

    missing: frozenset[str]
    sources: tuple[str, ...]
    expires: float = inf
    asked: frozenset[str] = frozenset()
    given_up: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Is everything here?"""
        return not self.missing

    def is_over(self, now: float) -> bool:
        """Complete, or too late."""
        return self.is_complete or now >= self.expires

    def next(self, now: float = -inf) -> Ask | None:
        """The next question of this round; None when there is none."""
        if self.is_over(now):
            return None
        closed = self.asked | self.given_up
        source = next((s for s in self.sources if s not in closed), None)
        return Ask(source, self.missing) if source else None

    def begun(self, source: str) -> Hunt:
        """The source is being asked; not again in this round."""
        return replace(self, asked=self.asked | {source})

    def found(self, oids: frozenset[str]) -> Hunt:
        """These objects arrived, from wherever."""
        return replace(self, missing=self.missing - oids)

    def gave_up(self, source: str) -> Hunt:
        """The source can never answer: this round does not ask it, nor does one that begins with
        these `given_up`."""
        return replace(self, given_up=self.given_up | {source})
