"""What a measure is, and the rows that it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.programs import Program
from bench.rounds import Costs

UNITS = {"wall": "s", "cpu": "s", "mib": "MiB"}
WORDS = {"wall": "wall clock", "cpu": "processor time", "mib": "memory"}


@dataclass(frozen=True, slots=True)
class Figure:
    """What one side needed: the median, and all rounds."""

    side: str
    median: float
    runs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Without `theirs`, `target` bounds the figure itself; with it, their
    ratio. None: no target."""

    measure: str
    what: str
    unit: str
    ours: Figure
    theirs: Figure | None
    target: float | None

    @property
    def ratio(self) -> float | None:
        """Ours by theirs."""
        return self.ours.median / self.theirs.median if self.theirs else None

    @property
    def holds(self) -> bool | None:
        """Is the target reached?"""
        compared = self.ours.median if self.ratio is None else self.ratio
        return None if self.target is None else compared <= self.target


@dataclass(frozen=True, slots=True)
class Place:
    """Where a measure works: an empty folder, which is removed afterwards, and the first of the
    ports that it may listen at."""

    folder: Path
    port: int
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One file of `bench/measures`. `needs` are programs without which it cannot run."""

    name: str
    about: str
    run: Callable[[Place], Sequence[Row]]
    needs: tuple[Program, ...] = ()


def row(  # the words of a measure, in the order of a sentence
    measure: str, what: str, ours: Costs, theirs: Costs | None, target: float | None, note: str = ""
) -> Row:
    """A row about one figure (`wall`, `cpu`, `mib`) of one or two sides."""
    return Row(
        measure=measure,
        what=f"{note}{WORDS[what]}",
        unit=UNITS[what],
        ours=_figure(ours, what),
        theirs=_figure(theirs, what) if theirs else None,
        target=target,
    )


def counted(measure: str, what: str, unit: str, figure: float, target: float | None) -> Row:
    """A row about something that is counted once, and bounded by itself."""
    ours = Figure("reconcile", float(figure), (float(figure),))
    return Row(measure=measure, what=what, unit=unit, ours=ours, theirs=None, target=target)


def _figure(costs: Costs, what: str) -> Figure:
    return Figure(costs.name, costs.median(what), costs.runs(what))
