"""What a trial of a server comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum


class Ended(IntEnum):
    """Exit codes of `reconcile conformance`; what a plan's codes mean they mean here, too."""

    AGREES = 0
    DIFFERS = 3
    DOWN = 6
    NO_GRASP = 10
    CHANGED = 11
    GONE = 12


WORDS = {
    Ended.AGREES: "all rows that were run agree",
    Ended.DIFFERS: "rows differ",
    Ended.DOWN: "the server does not answer",
    Ended.NO_GRASP: "it is no GRASP server for us",
    Ended.CHANGED: "it stopped hosting half-way",
    Ended.GONE: "it went away half-way",
}

AGREE, DIFFER, NOT_RUN = "agree", "differ", "not run"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One row: what was expected and seen (Python's notation), or why it was not run."""

    id: str
    clause: str
    verdict: str
    expected: str = ""
    seen: str = ""
    why: str = ""
    guess: bool = False
    """The expectation is nobody's word but this project's."""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The whole."""

    url: str
    family: str
    software: str
    ended: Ended
    detail: str
    rows: tuple[Judged, ...] = ()
    named: int = 0
    """Events that were made; the deletion of all was asked for, as far as time allowed."""
    kept: int = 0
    """Of these, events that are served all the same."""
    seconds: float = 0.0

    def counts(self) -> Counter[str]:
        """Rows by verdict."""
        return Counter(row.verdict for row in self.rows)

    def percent(self) -> float:
        """Of the rows that were run, how many agree."""
        counts = self.counts()
        return 100 * counts[AGREE] / max(1, counts[AGREE] + counts[DIFFER])
