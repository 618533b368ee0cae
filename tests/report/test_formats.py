"""A form of showing is a row of one table, and nothing else in the program knows its name."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest

import reconciler
from reconciler.model.outcome import Outcome, Result
from reconciler.report.build import build
from reconciler.report.formats import FORMATS, Format
from reconciler.report.look import Look
from reconciler.report.marks import Block
from reconciler.report.story import Story, story
from reconciler.report.view import PlanView

from .sample import EVIL, hostile, small_plan, viewed
from .test_build import header


def tally_plan(view: PlanView, look: Look) -> str:
    """How often each mark occurs."""
    del look
    marks = Counter(cell.mark.word for row in view.grid.cells for cell in row)
    return "\n".join(f"{word}: {count}" for word, count in marks.items())


def tally_outcome(told: Story, look: Look) -> str:
    """A line a reason of failure."""
    del look
    return "\n".join(line.text for line in told.under(Block.FAILED))


TABLE = {**FORMATS, "tally": Format(tally_plan, tally_outcome)}
"""The program's table, and a stranger's row: two functions of the views, no line elsewhere."""


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("evil", [False, True])
def test_every_row_shows_a_plan_and_an_outcome_without_raw_foreign_text(
    name: str, evil: bool
) -> None:
    plan, findings = hostile() if evil else small_plan()
    words = EVIL if evil else "no"
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=words)
        for a in plan.actions
    )
    told = story(build(header("apply"), plan, findings, outcomes=ends))
    for text in (
        TABLE[name].plan(viewed(plan, findings), Look()),
        TABLE[name].outcome(told, Look()),
    ):
        assert text
        assert not set("\x1b\r\u202e").intersection(text)


def test_the_machine_s_forms_are_the_documents_that_are_saved() -> None:
    plan, findings = small_plan()
    view = viewed(plan, findings)
    assert json.loads(FORMATS["json"].plan(view, Look()))["digest"] == view.digest
    told = story(build(header("apply"), plan, findings))
    assert json.loads(FORMATS["json"].outcome(told, Look()))["run_id"] == told.report.run_id


def test_nothing_asks_which_format_it_is() -> None:
    """No comparison with a format's name anywhere: the table is asked."""
    quoted = re.compile(rf"""["']({"|".join(FORMATS)})["']""")
    texts = {p: p.read_text("utf-8") for p in Path(reconciler.__file__).parent.rglob("*.py")}
    found = []
    for path in (path for path, text in texts.items() if quoted.search(text)):
        for node in ast.walk(ast.parse(texts[path])):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                words = {side.value for side in sides if isinstance(side, ast.Constant)}
                found += [(path.name, node.lineno)] if words & FORMATS.keys() else []
    assert found == []
