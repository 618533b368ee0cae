"""The glance: repositories × servers, one mark and one number a cell. Pure.

The number counts events and refs: those that a plan would write, or those that a run wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.model.actions import Action
from reconciler.model.outcome import WRITTEN, Report
from reconciler.model.plan import CellVerdict, Plan, ServerSummary
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.marks import RESULTS, VERDICTS, Block, Mark
from reconciler.report.names import Names

_SEEN = frozenset({Block.FAILED, Block.DEFERRED})
"""Ends that a cell's verdict does not show."""
Place = tuple[Coordinate, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One repository on one server, or several that are alike: then the number is their sum."""

    mark: Mark = Mark.NONE
    number: int = 0

    @property
    def text(self) -> str:
        """The mark, and the number where there is one."""
        return f"{self.mark.symbol}{self.number or ''}"

    def worse(self, mark: Mark, number: int = 0) -> Cell:
        """The mark that is seen first; numbers add up."""
        return Cell(min(self.mark, mark, key=lambda m: m.rank), self.number + number)


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows are repositories, columns servers, each with the names that it stands for."""

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[str, ...], ...]
    cells: tuple[tuple[Cell, ...], ...]

    def marks(self) -> tuple[Mark, ...]:
        """Those that occur, in their order; for the legend."""
        found = {cell.mark for row in self.cells for cell in row}
        return tuple(mark for mark in Mark if mark in found and mark is not Mark.NONE)

    def folded(self) -> Grid:
        """Columns with the same marks become one, and then rows; empty ones go."""
        return self._turned()._wanted()._joined()._turned()._wanted()._joined()

    def within(self, rows: int, columns: int) -> Grid:
        """At most so many of each: those that matter most, and one for all others."""
        return self._cut(rows)._turned()._cut(columns)._turned()

    def _turned(self) -> Grid:
        cells = tuple(zip(*self.cells, strict=True)) or ((),) * len(self.columns)
        return Grid(self.columns, self.rows, cells)

    def _wanted(self) -> Grid:
        kept = [i for i, row in enumerate(self.cells) if any(c.mark is not Mark.NONE for c in row)]
        return self._merged([number] for number in kept)

    def _joined(self) -> Grid:
        groups: defaultdict[tuple[Mark, ...], list[int]] = defaultdict(list)
        for number, row in enumerate(self.cells):
            groups[tuple(cell.mark for cell in row)].append(number)
        return self._merged(groups.values())

    def _cut(self, most: int) -> Grid:
        if len(self.rows) <= most:
            return self
        order = sorted(range(len(self.rows)), key=self._weight)
        first = sorted(order[: most - 1])
        return self._merged([*([number] for number in first), sorted(order[most - 1 :])])

    def _weight(self, row: int) -> tuple[int, int]:
        cells = self.cells[row]
        return min((c.mark.rank for c in cells), default=99), -sum(c.number for c in cells)

    def _merged(self, groups: Iterable[Sequence[int]]) -> Grid:
        found = list(groups)
        return replace(
            self,
            rows=tuple(tuple(n for i in group for n in self.rows[i]) for group in found),
            cells=tuple(
                tuple(map(_sum, zip(*(self.cells[i] for i in group), strict=True)))
                for group in found
            ),
        )


def of_plan(plan: Plan, names: Names) -> Grid:
    """What a plan would do, and how the cells stand where it does nothing."""
    found = _standing(plan.cells, plan.servers, names)
    theirs = plan.left
    for action in plan.actions:
        if action.server:
            place = (action.coordinate, action.server)
            found[place] = found[place].worse(
                Mark.SETTLING if action.key in theirs else _mark(action), action.volume
            )
    for one in plan.forced:
        place = (one.coordinate, one.server)
        found[place] = found[place].worse(Mark.DELETE)
    return _grid(found, plan.servers, names)


def of_report(report: Report, names: Names) -> Grid:
    """How a run left the cells, and what it wrote there."""
    return _grid(left(report, names), report.servers, names)


def left(report: Report, names: Names) -> Mapping[Place, Cell]:
    """The same by place; what is wanted nowhere is not in it."""
    found = _standing(report.cells, report.servers, names)
    for outcome in report.outcomes:
        if outcome.server and outcome.coordinate:
            place = (outcome.coordinate, outcome.server)
            written = outcome.changes if outcome.result in WRITTEN else 0
            end = RESULTS[outcome.result]
            mark = end.mark if end.block in _SEEN else found[place].mark
            found[place] = found[place].worse(mark, written)
    return found


def _mark(action: Action) -> Mark:
    if any(update.deletes for update in action.changes):
        return Mark.DELETE
    return Mark.NEW if action.announces else Mark.CHANGE


def _standing(
    cells: Iterable[CellVerdict], servers: Sequence[ServerSummary], names: Names
) -> defaultdict[Place, Cell]:
    """Cells as the verdicts have them. An index relay has none: it stands as it answers."""
    found: defaultdict[Place, Cell] = defaultdict(Cell)
    for cell in cells:
        found[cell.coordinate, cell.server] = Cell(VERDICTS[cell.verdict].mark)
    for server in servers:
        if not server.grasp:
            mark = Mark.UNKNOWN if server.unknown else Mark.SYNC
            found |= {(coordinate, server.url): Cell(mark) for coordinate in names.repositories}
    return found


def _grid(found: Mapping[Place, Cell], servers: Sequence[ServerSummary], names: Names) -> Grid:
    none = Cell()
    return Grid(
        tuple((name,) for name in names.repositories.values()),
        tuple((names.server(server.url),) for server in servers),
        tuple(
            tuple(found.get((coordinate, server.url), none) for server in servers)
            for coordinate in names.repositories
        ),
    )


def _sum(cells: Iterable[Cell]) -> Cell:
    total = Cell()
    for cell in cells:
        total = total.worse(cell.mark, cell.number)
    return total
