"""Plan and outcome as JUnit XML, which CI servers show as tests: one test a cell. Pure.

In sync passes; what a plan would change, or a run did not bring about, fails; what could not be
learnt is an error; what waits for a person is skipped, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from reconciler.model.plan import CellVerdict
from reconciler.report.look import Look
from reconciler.report.marks import VERDICTS, Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.story import Story
from reconciler.report.view import PlanView

_CELLS = 10_000
"""Tests of one suite; beyond it those that pass are counted, not named."""
_ELEMENTS = {
    Mark.CHANGE: "failure",
    Mark.SETTLING: "skipped",
    Mark.HELD: "skipped",
    Mark.UNKNOWN: "error",
}
"""What stands in a test that does not pass."""


def plan(view: PlanView, look: Look) -> str:
    """The cells as they were found."""
    del look
    names = Names.of(view.plan.repositories, view.plan.servers)
    return _suite(f"Plan: {view.counts}", view.plan.cells, names)


def outcome(story: Story, look: Look) -> str:
    """The cells as the run left them."""
    del look
    names = Names.of(story.report.repositories, story.report.servers)
    return _suite(story.headline, story.report.cells, names)


def _suite(title: str, cells: Iterable[CellVerdict], names: Names) -> str:
    found = tuple(cells)
    kinds = Counter(_ELEMENTS.get(VERDICTS[cell.verdict].mark, "passed") for cell in found)
    suite = Xml.Element(
        "testsuite",
        name=title,
        tests=str(len(found)),
        failures=str(kinds["failure"]),
        errors=str(kinds["error"]),
        skipped=str(kinds["skipped"]),
    )
    for cell in found:
        kind = _ELEMENTS.get(VERDICTS[cell.verdict].mark)
        if kind or len(found) <= _CELLS:
            case = Xml.SubElement(
                suite,
                "testcase",
                classname=names.server(cell.server),
                name=names.repository(cell.coordinate),
            )
            if kind:
                message = f"{cell.verdict}: {safe(cell.detail)}" if cell.detail else cell.verdict
                Xml.SubElement(case, kind, message=message)
    Xml.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(suite, encoding="unicode")}\n'
