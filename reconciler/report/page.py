"""What the HTML page knows, as plain JSON: short, because it must hold 2,000 × 50 cells with their
history. Texts stand once in `texts` and are meant by their number. Pure.

Every text is safe to print; the page's own script shows them as text and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import CellVerdict, Hold, Plan, RepositorySummary, ServerSummary
from reconciler.nostr.nip34 import Coordinate
from reconciler.nostr.strictjson import Json
from reconciler.report.grid import Grid
from reconciler.report.history import Past
from reconciler.report.lines import Line
from reconciler.report.marks import RESULTS, Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.story import Story
from reconciler.report.view import PlanView
from reconciler.report.words import deed, describe

_ACTIONS = 10_000
"""Actions of one page; what failed comes first, and what does not fit is counted."""
_REFS = 50
"""Refs of one action that are told one by one."""
_LINES = 500
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MARKS = tuple(Mark)
_CODE = {mark: _DIGITS[number] for number, mark in enumerate(_MARKS)}


class _Texts:
    """Each text once."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a text; 0 is the empty one."""
        if text not in self._numbers:
            self._numbers[text] = len(self.all)
            self.all.append(text)
        return self._numbers[text]


class _Ground:
    """Repositories and servers by their numbers; what a page is drawn on."""

    def __init__(
        self, repositories: Sequence[RepositorySummary], servers: Sequence[ServerSummary]
    ) -> None:
        names = Names.of(repositories, servers)
        self.rows = {coordinate: row for row, coordinate in enumerate(names.repositories)}
        self.columns = {server.url: column for column, server in enumerate(servers)}
        self.texts = _Texts()
        self.texts.number("")
        self.text: Callable[[str], int] = lambda text: self.texts.number(safe(text, 500))

    def place(self, coordinate: Coordinate, server: str | None) -> list[int]:
        """Row and column; -1 where it is none of them."""
        return [self.rows.get(coordinate, -1), self.columns.get(server or "", -1)]


def of_plan(view: PlanView) -> Json:
    """A plan: how the cells were found, and what would be done."""
    plan = view.plan
    ground = _Ground(plan.repositories, plan.servers)
    lines = [("Takes away", view.destructive), ("To sign", view.signatures)]
    lines += [("Held back, and what would release it", view.holds), ("Unknown", view.unknown)]
    return _page(
        ground,
        grid=view.grid,
        repositories=plan.repositories,
        servers=plan.servers,
        cells=plan.cells,
        holds=plan.holds,
        past=view.past,
        blocks=lines,
        notes=view.notes,
    ) | {
        "title": f"Plan: {view.counts}",
        "verdict": view.verdict,
        "facts": [["repositories", view.headline], ["cells", view.cells], ["digest", view.digest]],
        "refusals": [[r.guard, r.verdict, r.text, r.accept] for r in view.refusals],
        "actions": _planned(plan, ground),
        "left": max(0, len(plan.actions) - _ACTIONS),
        "stages": [],
        "texts": ground.texts.all,
    }


def of_outcome(story: Story) -> Json:
    """An outcome: how the cells were left, and what was done."""
    report = story.report
    ground = _Ground(report.repositories, report.servers)
    lines = [(str(block), found) for block, found in story.blocks]
    lines += [("Held back, and what would release it", story.holds), ("Unknown", story.unknown)]
    facts = [["run", report.run_id], ["started", report.started], ["finished", report.finished]]
    facts += [["by", safe(report.actor)], ["tool", safe(report.tool)]]
    facts += [["commit", report.commit]] if report.commit else []
    facts += [["exit codes", ", ".join(story.ends)], ["plan", report.plan_digest]]
    ends = sorted(report.outcomes, key=lambda o: RESULTS[o.result].mark.rank)
    return _page(
        ground,
        grid=story.grid,
        repositories=report.repositories,
        servers=report.servers,
        cells=report.cells,
        holds=report.holds,
        past=story.past,
        blocks=lines,
        notes=story.notes,
    ) | {
        "title": story.headline,
        "verdict": story.counts,
        "facts": facts,
        "refusals": [[r.guard, r.verdict, r.text, r.accept] for r in story.refusals],
        "actions": [_ended(outcome, ground) for outcome in islice(ends, _ACTIONS)],
        "left": max(0, len(ends) - _ACTIONS),
        "stages": [[stage.name, stage.seconds] for stage in report.stages],
        "busy": _busy(report.outcomes, ground),
        "texts": ground.texts.all,
    }


def _page(  # one keyword a part of the page
    ground: _Ground,
    *,
    grid: Grid,
    repositories: Sequence[RepositorySummary],
    servers: Sequence[ServerSummary],
    cells: Iterable[CellVerdict],
    holds: Iterable[Hold],
    past: Sequence[Past],
    blocks: Iterable[tuple[str, Sequence[Line]]],
    notes: Sequence[str],
) -> dict[str, Json]:
    summaries = {summary.coordinate: summary for summary in repositories}
    return {
        "marks": [[mark.symbol, mark.word, mark.name.lower()] for mark in _MARKS],
        "servers": [
            [safe(s.name), safe(s.url), safe(s.dialect), safe(s.software), safe(s.unknown or "")]
            for s in servers
        ],
        "repositories": [
            [name, safe(str(coordinate)), summaries[coordinate].refs, summaries[coordinate].events]
            for (name,), coordinate in zip(grid.rows, ground.rows, strict=True)
        ],
        "grid": ["".join(_CODE[cell.mark] for cell in row) for row in grid.cells],
        "numbers": [_sparse(cell.number for cell in row) for row in grid.cells],
        "why": _why(cells, ground),
        "holds": [
            [
                *ground.place(hold.coordinate, hold.server),
                str(hold.reason),
                ground.text(hold.detail),
                ground.text(hold.release),
                int(hold.accepted),
            ]
            for hold in holds
        ],
        "runs": [[run.run_id, run.mode, run.started, run.exit_code] for run in past],
        **_history(past, ground),
        "blocks": [
            [title, [[line.symbol, line.text, list(line.names[:20])] for line in found[:_LINES]]]
            for title, found in blocks
            if found
        ],
        "notes": list(notes[:_LINES]),
    }


def _sparse(values: Iterable[int]) -> list[int]:
    """`[column, value, …]` of those that are not 0."""
    return [part for column, value in enumerate(values) if value for part in (column, value)]


def _why(cells: Iterable[CellVerdict], ground: _Ground) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in ground.rows]
    for cell in cells:
        if cell.detail and cell.coordinate in ground.rows and cell.server in ground.columns:
            row, column = ground.place(cell.coordinate, cell.server)
            rows[row] += [column, ground.text(cell.detail)]
    return rows


def _history(past: Sequence[Past], ground: _Ground) -> dict[str, Json]:
    """`histories` are distinct strings of marks, oldest first; `past` has the number of each
    cell's, one number for a row whose cells agree; `tally` how often each mark was in each run."""
    numbers: dict[str, int] = {}
    rows: list[Json] = []
    if past:
        for coordinate in ground.rows:
            name = str(coordinate)
            row = [
                numbers.setdefault(_marks(past, name, server), len(numbers))
                for server in ground.columns
            ]
            rows.append(row[0] if len(set(row)) == 1 else row)
    return {"histories": list(numbers), "past": rows, "tally": [_tally(run.marks) for run in past]}


def _marks(past: Sequence[Past], coordinate: str, server: str) -> str:
    place = (coordinate, server)
    return "".join([_CODE[run.marks.get(place, Mark.NONE)] for run in past])


def _tally(marks: Mapping[tuple[str, str], Mark]) -> list[int]:
    counts = Counter(marks.values())
    return [counts[mark] for mark in _MARKS]


def _planned(plan: Plan, ground: _Ground) -> list[Json]:
    return [
        [
            *ground.place(action.coordinate, action.server),
            ground.text(deed(action)),
            "planned",
            ground.text(action.why),
            action.sends or "",
            _refs(action.changes, ground),
        ]
        for action in plan.actions[:_ACTIONS]
    ]


def _ended(outcome: Outcome, ground: _Ground) -> Json:
    place = ground.place(outcome.coordinate, outcome.server) if outcome.coordinate else [-1, -1]
    why = outcome.detail if outcome.result is not Result.DONE else outcome.why
    return [
        *place,
        ground.text(outcome.deed),
        str(outcome.result),
        ground.text(why),
        outcome.event or "",
        _refs(outcome.moved, ground),
    ]


def _refs(updates: Sequence[RefUpdate], ground: _Ground) -> list[int]:
    return [ground.text(describe(update)) for update in updates[:_REFS]]


def _busy(outcomes: Iterable[Outcome], ground: _Ground) -> list[Json]:
    """How many seconds of writing each server took, in the order of the columns."""
    seconds = [0.0] * len(ground.columns)
    for outcome in outcomes:
        if outcome.server in ground.columns:
            seconds[ground.columns[outcome.server]] += outcome.seconds
    return [round(value, 2) for value in seconds]
