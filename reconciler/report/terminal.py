"""Plan and outcome for a terminal: `rich` sees to width and colour; nothing here is markup."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reconciler.model.outcome import Recap
from reconciler.report.lines import Line
from reconciler.report.look import Look
from reconciler.report.safe import safe
from reconciler.report.standing import Refusal
from reconciler.report.story import Story
from reconciler.report.view import PlanView
from reconciler.report.words import listed, plural

_STYLES = {"+": "green", "~": "yellow", "-": "bold red", "s": "magenta", "!": "cyan"}
_STYLES |= {"?": "red", "x": "bold red"}
_COUNTS = ("ok", "changed", "settling", "drifted", "unreachable", "failed", "held")
_SELDOM = ("deferred", "accepted")
"""Counts that are shown only where there are any."""
_TABLE_WIDTH = 80
"""Columns below which the recap is lines of words: a table would cut the servers' names off."""
_NOTES = 16
_NAMES = 8
"""Repositories that are named on one line, unless everything was asked for."""


def plan(view: PlanView, look: Look) -> str:
    """The whole plan: destructive changes first, counts and digest at the end."""
    page = _Page(look)
    page.wrap(f"Plan for {view.headline}", style="bold")
    page.block("Destructive", view.destructive, details=True)
    for section in view.sections:
        page.block(_title(section.names, look), section.lines, details=look.verbose)
    page.block("Left to servers that get it from each other", view.left, details=look.verbose)
    _standing(page, view.holds, view.unknown)
    if any(server.work for server in view.servers):
        page.wrap("\nBy server", style="bold")
    for server in view.servers:
        if server.work:
            page.wrap(f"{server.name}: {server.work}", "  → ")
    page.refusals(view.refusals)
    page.notes(view.notes)
    page.wrap("")
    if not view.sections:
        page.wrap("Nothing to do where the world is known.", style="green")
    page.wrap(view.counts, style="bold")
    page.wrap(f"cells: {view.cells}{_accepted(view.accepted)}", style="bold")
    page.wrap(f"digest: {view.digest}")
    return page.text()


def outcome(story: Story, look: Look) -> str:
    """What did not simply succeed, then one line a server, in Ansible's words."""
    page = _Page(look)
    page.wrap(f"\n{story.headline}", style="bold")
    page.notes(story.notes)
    if look.verbose:
        page.block("Changed", story.changed, details=True)
    page.block("Failed", story.failed, details=look.verbose)
    page.block("Settling: on its way", story.settling, details=look.verbose)
    page.block("Deferred: a later run goes on", story.deferred, details=look.verbose)
    page.block("Kept back", story.kept, details=look.verbose)
    if story.report.outcomes:  # else all is as the plan, just shown, has it
        _standing(page, story.holds, story.unknown)
    page.recap(story.recap)
    page.wrap(f"exit codes that hold: {', '.join(story.ends)}{_accepted(story.accepted)}")
    return page.text()


def _standing(page: _Page, holds: Sequence[Line], unknown: Sequence[Line]) -> None:
    page.block("Held back, and what would release it", holds, details=True)
    page.block("Unknown: could not be learnt", unknown, details=page.look.verbose)


def _accepted(count: int) -> str:
    """Holds that the desired state takes as normal are counted, not told."""
    return f"; accepted holds: {count}" if count else ""


def _title(names: Sequence[str], look: Look) -> str:
    if len(names) == 1:
        return names[0]
    shown = listed(names, len(names) if look.verbose else _NAMES)
    return f"{plural(len(names), 'repository')} alike, each: {shown}"


class _Page:
    """Lines that are folded at the look's width."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._text = io.StringIO()
        self._console = Console(
            file=self._text,
            width=look.width,
            force_terminal=look.colour,
            color_system="standard" if look.colour else None,
            highlight=False,
            legacy_windows=False,
        )

    def text(self) -> str:
        """Everything so far."""
        return self._text.getvalue()

    def wrap(self, text: str, indent: str = "", *, style: str = "") -> None:
        """Fold at the width, with a hanging indent and no trailing spaces."""
        again = " " * len(indent)
        for part in text.split("\n"):
            folded = textwrap.wrap(
                part,
                width=max(20, self.look.width),
                initial_indent=indent,
                subsequent_indent=again,
                break_on_hyphens=False,
            )
            for line in folded or [""]:
                self._console.print(Text(line, style=style), soft_wrap=True)

    def block(self, title: str, lines: Sequence[Line], *, details: bool) -> None:
        """A title and its lines; nothing when there are none."""
        if not lines:
            return
        self.wrap(f"\n{title}", style="bold")
        for line in lines:
            names = len(line.names) if self.look.verbose else _NAMES
            where = f": {listed(line.names, names)}" if line.names else ""
            self.wrap(line.text + where, f"  {line.symbol} ", style=_STYLES.get(line.symbol, ""))
            for detail in line.details if details else ():
                self.wrap(detail, "      ", style="dim")

    def notes(self, notes: Sequence[str]) -> None:
        """Remarks; too many of them are counted."""
        shown = notes if self.look.verbose else notes[:_NOTES]
        for note in shown:
            self.wrap(note, "note: ", style="dim")
        if left := len(notes) - len(shown):
            self.wrap(f"and {plural(left, 'more note')} (-v)", "note: ", style="dim")

    def refusals(self, refusals: Sequence[Refusal]) -> None:
        """What the guard refuses, and the exact way to let it through."""
        for refusal in refusals:
            style = "cyan" if refusal.hold else "bold red"
            self.wrap(f"\nguard {refusal.guard} {refusal.verdict}: {refusal.text}", style=style)
            if not refusal.accepted:
                self.wrap(f"after reading the plan: --accept {refusal.accept}", "  ")

    def recap(self, rows: Sequence[Recap]) -> None:
        """One line a server."""
        self.wrap("\nRecap, cells of each server", style="bold")
        names = (*_COUNTS, *(n for n in _SELDOM if any(getattr(row, n) for row in rows)))
        if self.look.width >= _TABLE_WIDTH:
            self._console.print(_table(rows, names))
        else:
            for row in rows:
                words = " ".join(f"{name}={getattr(row, name)}" for name in names)
                self.wrap(f"{row.server}: {words}", style=_tone(row))
        for row in rows:
            if row.detail:
                self.wrap(f"{row.server}: {safe(row.detail)}", style="red")


def _table(rows: Sequence[Recap], names: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("server", overflow="fold", ratio=1)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        counts = (Text(str(getattr(row, name))) for name in names)
        table.add_row(Text(row.server), *counts, style=_tone(row))
    return table


def _tone(row: Recap) -> str:
    if row.failed or row.unreachable:
        return "red"
    return "yellow" if row.changed or row.held else "green"
