"""Plan and recap for a terminal: `rich` sees to width and colour; nothing here is markup."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reconciler.model.outcome import Finding, Outcome, Recap, Report, Result
from reconciler.report.lines import Line
from reconciler.report.safe import safe
from reconciler.report.view import PlanView

_STYLES = {"+": "green", "~": "yellow", "-": "bold red", "s": "magenta", "!": "cyan", "?": "red"}
_COUNTS = ("ok", "changed", "drifted", "unreachable", "failed", "held")
_TABLE_WIDTH = 72
"""Columns below which the recap is lines of words: a table would cut the servers' names off."""
_LOUD = frozenset({Result.FAILED, Result.STALE, Result.UNREACHABLE, Result.PENDING, Result.SKIPPED})


def show_plan(
    console: Console, plan: PlanView, findings: Sequence[Finding], *, verbose: bool
) -> None:
    """The whole plan: destructive changes first, counts and digest at the end."""
    _wrap(console, f"Plan for {plan.headline}", "", style="bold")
    _block(console, "Destructive", plan.destructive, details=True)
    for section in plan.sections:
        _block(console, section.title, section.lines, details=verbose)
    _block(console, "Held back, and what would release it", plan.holds, details=True)
    _block(console, "Unknown: could not be learnt", plan.unknown, details=True)
    _block(console, "By server", plan.servers, details=False)
    show_findings(console, findings, plan.digest)
    for note in plan.notes:
        _wrap(console, note, "note: ", style="dim")
    console.print()
    if not plan.sections:
        console.print(Text("Nothing to do where the world is known.", style="green"))
    _wrap(console, plan.totals, "", style="bold")
    _wrap(console, f"digest: {plan.digest}", "")


def show_findings(console: Console, findings: Sequence[Finding], digest: str) -> None:
    """What the guard refuses, and the exact way to let it through."""
    for finding in findings:
        where = safe(finding.repository)
        verdict = "accepted" if finding.accepted else "REFUSED"
        text = f"\nguard {finding.guard} {verdict}: {where}: {safe(finding.detail, 500)}"
        _wrap(console, text, "", style="bold red")
        if not finding.accepted:
            _wrap(console, f"after reading the plan: --accept {finding.guard}@{digest[:16]}", "  ")


def show_outcomes(console: Console, outcomes: Iterable[Outcome], *, verbose: bool) -> None:
    """What did not simply succeed; everything with `verbose`."""
    for outcome in outcomes:
        if verbose or outcome.result in _LOUD:
            _wrap(console, safe(outcome.key, 160), f"{outcome.result:>13}  ")
            if outcome.detail:
                _wrap(console, safe(outcome.detail, 500), " " * 15, style="dim")


def show_recap(console: Console, report: Report) -> None:
    """One line a server, in Ansible's words."""
    console.print(Text("\nRecap, cells of each server", style="bold"))
    if console.width >= _TABLE_WIDTH:
        console.print(_table(report.recap))
    else:
        for row in report.recap:
            words = " ".join(f"{name}={count}" for name, count in _counts(row).items())
            _wrap(console, f"{row.server}: {words}", "", style=_tone(row))
    for row in report.recap:
        if row.detail:
            _wrap(console, f"{row.server}: {safe(row.detail)}", "", style="red")


def _table(rows: Sequence[Recap]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("server", overflow="fold", ratio=1)
    for name in _COUNTS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        counts = (Text(str(count)) for count in _counts(row).values())
        table.add_row(Text(row.server), *counts, style=_tone(row))
    return table


def _counts(row: Recap) -> dict[str, int]:
    counts = (row.ok, row.changed, row.drifted, row.unreachable, row.failed, row.held)
    return dict(zip(_COUNTS, counts, strict=True))


def _tone(row: Recap) -> str:
    bad = row.failed or row.unreachable
    if bad:
        return "red"
    return "yellow" if row.changed or row.held else "green"


def _block(console: Console, title: str, lines: Sequence[Line], *, details: bool) -> None:
    if not lines:
        return
    _wrap(console, f"\n{title}", "", style="bold")
    for line in lines:
        _wrap(console, line.text, f"  {line.symbol} ", style=_STYLES.get(line.symbol, ""))
        for detail in line.details if details else ():
            _wrap(console, detail, "      ", style="dim")


def _wrap(console: Console, text: str, indent: str, *, style: str = "") -> None:
    """Fold at the console's width, with a hanging indent and no trailing spaces."""
    again = " " * len(indent)
    for part in text.split("\n"):
        folded = textwrap.wrap(
            part,
            width=max(20, console.width),
            initial_indent=indent,
            subsequent_indent=again,
            break_on_hyphens=False,
        )
        for line in folded or [""]:
            console.print(Text(line, style=style), soft_wrap=True)
