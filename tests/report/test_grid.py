"""The glance: one mark and one number a cell, alike rows and columns once, never too wide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import Verdict
from reconciler.report import grid
from reconciler.report.build import build
from reconciler.report.glance import drawn
from reconciler.report.grid import Cell, Grid
from reconciler.report.marks import RESULTS, VERDICTS, Mark
from reconciler.report.names import Names

from .sample import huge, small_plan
from .test_build import header

PLAN, FINDINGS = small_plan()
NAMES = Names.of(PLAN.repositories, PLAN.servers)


def made(rows: list[str], **named: str) -> Grid:
    """A grid whose rows are words of marks; every mark counts one."""
    marks = {mark.symbol: mark for mark in Mark}
    return Grid(
        tuple((named.get(f"r{i}", f"r{i}"),) for i in range(len(rows))),
        tuple((named.get(f"c{i}", f"c{i}"),) for i in range(len(rows[0]))),
        tuple(tuple(Cell(marks[s], 1) for s in row) for row in rows),
    )


def test_every_verdict_and_every_result_has_its_row() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert set(RESULTS) == set(Result)


def test_no_two_marks_look_alike_without_colour() -> None:
    assert len({mark.symbol for mark in Mark}) == len({mark.word for mark in Mark}) == len(Mark)
    assert all(mark.symbol.isascii() and len(mark.symbol) == 1 for mark in Mark)


def test_a_plan_s_cells_show_what_must_be_seen_first_and_how_much_there_is() -> None:
    found = grid.of_plan(PLAN, NAMES)
    assert found.rows == (("alice/widget",), ("bob/blank",))
    assert [[cell.text for cell in row] for row in found.cells] == [
        ["~1", "-7", "-7", "+6", "?"],
        ["!", "!", "!", "!", "?"],
    ]


def test_an_outcome_s_cells_show_how_they_were_left_and_what_was_written() -> None:
    ends = tuple(
        Outcome(
            key=a.key,
            verb=a.verb,
            server=a.server,
            result=Result.FAILED if "gamma" in (a.server or "") else Result.DONE,
        )
        for a in PLAN.actions
    )
    report = build(header("apply"), PLAN, FINDINGS, outcomes=ends, remaining=PLAN)
    widget, blank = grid.of_report(report, NAMES).cells
    assert [cell.text for cell in widget] == ["~1", "~7", "x", "~6", "?"]
    assert [cell.text for cell in blank] == ["!", "!", "!", "!", "?"]


def test_alike_columns_and_rows_become_one_and_their_numbers_add_up() -> None:
    found = made(["==+", "==+", "~~?"]).folded()
    assert found.columns == (("c0", "c1"), ("c2",))
    assert found.rows == (("r0", "r1"), ("r2",))
    assert [[cell.number for cell in row] for row in found.cells] == [[4, 2], [2, 1]]


def test_what_matters_least_is_left_out_together() -> None:
    found = made(["==", "=?", "==", "-="]).within(3, 9)
    assert found.rows == (("r1",), ("r3",), ("r0", "r2"))


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.lists(st.text("=+~?!x- ", min_size=n, max_size=n), min_size=1, max_size=12)
    ),
    st.sampled_from([40, 80, 200]),
    st.booleans(),
)
def test_a_glance_is_never_too_wide_and_loses_nobody(
    rows: list[str], width: int, long: bool
) -> None:
    names = {f"c{i}": f"server-{i}.example.org" for i in range(12)} if long else {}
    shown = made(rows, **names)
    folded = shown.folded()
    assert sum(map(len, folded.rows)) == sum(not row.isspace() for row in rows)
    columns = ["".join(column) for column in zip(*rows, strict=True)]
    assert sum(map(len, folded.columns)) == sum(not column.isspace() for column in columns)
    assert all(cell_len(line) <= width for line in drawn(shown, width, 40)[:-1])


@pytest.mark.parametrize("width", [60, 120])
def test_heads_that_do_not_fit_side_by_side_hang_like_stairs(width: int) -> None:
    servers = {f"c{i}": f"relay-{i}.grasp.example.org" for i in range(5)}
    lines = drawn(made(["=+~!?", "?!~+="], **servers), width, 40)
    heads = [line for line in lines if "grasp" in line]
    assert len(heads) == 5
    assert "=1  +1  ~1  !1  ?1" in " ".join(lines)


def test_two_thousand_repositories_are_a_few_lines() -> None:
    plan = huge(2_000)
    lines = drawn(grid.of_plan(plan, Names.of(plan.repositories, plan.servers)), 100, 20)
    assert len(lines) < 6
    assert "+1999" in lines[1]


def test_nothing_is_shown_of_nothing() -> None:
    assert drawn(Grid((), (), ()), 80, 9) == ()
