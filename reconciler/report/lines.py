"""The unit of every view for people: one line, with what stands behind it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to know; `symbol` is that of a mark (`report.marks`).

    `names` are the repositories that it concerns, where they do not stand in `text`: a renderer
    shows as many as fit and counts the rest. `details` are for those who ask for everything.
    """

    symbol: str
    text: str
    details: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
