"""What verdicts and results mean to readers: one row each. A new one is a row here, and no renderer
knows more than these rows say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from reconciler.model.outcome import Result
from reconciler.model.plan import Verdict


class Mark(Enum):
    """How a thing stands, at a glance: a sign that needs no colour, the word, and the colour for
    those who see it. In the order of what a reader must see first."""

    FAILED = ("x", "failed", "bold red")
    UNKNOWN = ("?", "unknown", "red")
    DELETE = ("-", "deletes or forces", "bold red")
    HELD = ("!", "held", "cyan")
    NEW = ("+", "new", "green")
    CHANGE = ("~", "changed", "yellow")
    SIGN = ("s", "signed", "magenta")
    DEFERRED = (">", "deferred", "yellow")
    SETTLING = (":", "settling", "blue")
    SYNC = ("=", "in sync", "green")
    NONE = (" ", "not wanted here", "")

    def __init__(self, symbol: str, word: str, style: str) -> None:
        self.symbol = symbol
        self.word = word
        self.style = style

    @property
    def rank(self) -> int:
        """0 is seen first."""
        return _RANKS[self]


_RANKS = {mark: number for number, mark in enumerate(Mark)}
STYLES = {mark.symbol: mark.style for mark in Mark}
"""Colours by sign."""


class Block(StrEnum):
    """The heading that the ends of actions are told under; `CHANGED` only when asked for, `COUNTED`
    without names: the reason stands under another heading."""

    FAILED = "Failed"
    SETTLING = "Settling: on its way"
    DEFERRED = "Deferred: a later run goes on"
    KEPT = "Kept back"
    CHANGED = "Changed"
    COUNTED = "Not attempted"
    SILENT = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """What one result means. `waited`: it did not fail, and neither did what hangs from it;
    `goes_on`: a later run makes more of it by itself."""

    block: Block
    mark: Mark
    waited: bool = False
    goes_on: bool = False
    told: bool = False
    """Is the result's own word said, beside the reason?"""


RESULTS: Mapping[Result, Ending] = {
    Result.DONE: Ending(Block.CHANGED, Mark.CHANGE),
    Result.SETTLING: Ending(Block.SETTLING, Mark.SETTLING, waited=True, goes_on=True),
    Result.DELEGATED: Ending(Block.SETTLING, Mark.SETTLING, waited=True, goes_on=True, told=True),
    Result.DEFERRED: Ending(Block.DEFERRED, Mark.DEFERRED, waited=True, goes_on=True),
    Result.UNCHANGED: Ending(Block.SILENT, Mark.SYNC),
    Result.STALE: Ending(Block.FAILED, Mark.FAILED, told=True),
    Result.FAILED: Ending(Block.FAILED, Mark.FAILED),
    Result.UNREACHABLE: Ending(Block.FAILED, Mark.FAILED, told=True),
    Result.HELD: Ending(Block.KEPT, Mark.HELD, waited=True),
    Result.SKIPPED: Ending(Block.COUNTED, Mark.HELD, waited=True),
}

FAILED = frozenset(result for result, end in RESULTS.items() if end.block is Block.FAILED)
GOES_ON = frozenset(result for result, end in RESULTS.items() if end.goes_on)
WAITED = frozenset(result for result, end in RESULTS.items() if end.waited)


@dataclass(frozen=True, slots=True)
class Standing:
    """What one verdict means: its mark, its column of the recap, and whether a person must act."""

    mark: Mark
    column: str
    stuck: bool = False


COLUMNS = ("ok", "changed", "settling", "drifted", "unreachable", "failed", "held")
"""Columns of the recap. Every cell counts in one, and besides under `changed` where something
was written."""
SELDOM = ("deferred", "accepted")
"""Columns that are shown only where there is something in them."""

VERDICTS: Mapping[Verdict, Standing] = {
    Verdict.IN_SYNC: Standing(Mark.SYNC, "ok"),
    Verdict.DRIFTED: Standing(Mark.CHANGE, "drifted"),
    Verdict.SETTLING: Standing(Mark.SETTLING, "settling"),
    Verdict.HELD: Standing(Mark.HELD, "held", stuck=True),
    Verdict.UNKNOWN: Standing(Mark.UNKNOWN, "unreachable"),
    Verdict.CONFLICT: Standing(Mark.HELD, "held", stuck=True),
    Verdict.IMPOSSIBLE: Standing(Mark.HELD, "held", stuck=True),
    Verdict.HOLLOW: Standing(Mark.HELD, "held", stuck=True),
}
STUCK = frozenset(verdict for verdict, standing in VERDICTS.items() if standing.stuck)
