"""Servers by family, and the printed table (`make conformance`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.conformance import rows, table
from reconciler.conformance.stage import Trunk

from .inside import InsideStage


class Stages:
    """The servers of this process, started when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trunk = Trunk.create(folder / "trunk.git")
        self._found: dict[str, InsideStage] = {}

    def of(self, family: str) -> InsideStage:
        """The server of a family."""
        if family not in self._found:
            self._found[family] = InsideStage.raised(family, self._folder, self._trunk)
        return self._found[family]

    def stop(self) -> None:
        """End all."""
        for stage in self._found.values():
            stage.stop()


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    found = Stages(tmp_path_factory.mktemp("conformance"))
    yield found
    found.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", action="store_true", help="print the conformance table")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Row by family: on whose word it passed (table.Evidence), FAIL, or n/a; and the sums."""
    if not terminalreporter.config.getoption("--table", default=False):
        return
    outcome: dict[tuple[str, str], str] = {}
    for word, mark in (("passed", "ok"), ("failed", "FAIL"), ("error", "FAIL")):
        for report in terminalreporter.stats.get(word, []):
            found = dict(report.user_properties)
            if "row" in found:
                outcome[found["row"], found["family"]] = mark
    terminalreporter.section("conformance")
    widths = [max(6, len(name)) for name in table.FAMILIES]
    names = "  ".join(f"{n:{w}}" for n, w in zip(table.FAMILIES, widths, strict=True))
    terminalreporter.line(f"{'row':26}  {names}  clause")
    for row in sorted(map(table.ROWS.__getitem__, rows.NAMES), key=_section):
        marks = [_mark(row, name, outcome) for name in table.FAMILIES]
        cells = "  ".join(f"{m:{w}}" for m, w in zip(marks, widths, strict=True))
        terminalreporter.line(f"{row.id:26}  {cells}  {row.clause}")
    terminalreporter.line("")
    for evidence in table.Evidence:
        counts = [_count(name, evidence) for name in table.FAMILIES]
        cells = "  ".join(f"{n:<{w}}" for n, w in zip(counts, widths, strict=True))
        terminalreporter.line(f"{evidence.value:26}  {cells}")
    for family, server in table.REAL.items():
        terminalreporter.line(f"{family} was shown by {server}")
    terminalreporter.line(f"{len(table.ROWS)} rows, {len(outcome)} checks")


def _mark(row: table.Row, family: str, outcome: dict[tuple[str, str], str]) -> str:
    if family not in row.expect:
        return "n/a"
    found = outcome.get((row.id, family), "not run")
    return row.evidence[family].value if found == "ok" else found


def _count(family: str, evidence: table.Evidence) -> int:
    return sum(row.evidence.get(family) is evidence for row in table.ROWS.values())


def _section(row: table.Row) -> str:
    return row.id.partition("-")[0]
