"""Plan and outcome for a terminal: `rich` sees to width and colour; nothing here is markup."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reconciler.model.outcome import Recap
from reconciler.report.glance import drawn
from reconciler.report.grid import Grid
from reconciler.report.lines import Line
from reconciler.report.look import Look
from reconciler.report.marks import COLUMNS, SELDOM, STYLES
from reconciler.report.room import ALL, Room, fitted
from reconciler.report.safe import safe
from reconciler.report.standing import Refusal
from reconciler.report.status import Status
from reconciler.report.story import Story
from reconciler.report.view import PlanView
from reconciler.report.words import listed, plural

_TABLE_WIDTH = 80
"""Columns below which the recap is lines of words: a table would cut the servers' names off."""
_NOTES = 16
_NAMES = 8
"""Repositories that are named on one line, unless everything was asked for."""
_LINES = 120
"""Lines of a view that a person reads in a minute or two; `-v` has no bound."""


def plan(view: PlanView, look: Look) -> str:
    """The whole plan: the glance first, what it takes away next, counts and digest at the end."""
    return _fitted(lambda room: _plan(view, look, room), look)


def outcome(story: Story, look: Look) -> str:
    """The glance, what did not simply succeed, then one line a server, in Ansible's words."""
    return _fitted(lambda room: _outcome(story, look, room), look)


def _fitted(draw: Callable[[Room], str], look: Look) -> str:
    if look.verbose:
        return draw(Room(details=True, rows=ALL))
    first = (Room(names=names, lines=lines) for names, lines in ((_NAMES, ALL), (3, ALL)))
    return fitted(draw, lambda text: text.count("\n") <= _LINES, first)


def _plan(view: PlanView, look: Look, room: Room) -> str:
    page = _Page(look, room)
    page.wrap(f"Plan for {view.headline}", style="bold")
    page.glance(view.grid)
    page.block("Takes away", view.destructive, room.grave, details=True)
    page.block("To sign", view.signatures, room.grave)
    for title, lines in view.changes:
        page.block(title, lines, room.lines)
    page.block("Left to servers that get it from each other", view.left, room.lines)
    _standing(page, view.holds, view.unknown)
    page.refusals(view.refusals)
    page.notes(view.notes)
    page.wrap("")
    if not view.plan.actions:
        page.wrap(f"{view.verdict}.", style="green")
    page.wrap(view.counts, style="bold")
    page.wrap(f"cells: {view.cells}{_accepted(view.accepted)}", style="bold")
    page.wrap(f"digest: {view.digest}")
    return page.text()


def _outcome(story: Story, look: Look, room: Room) -> str:
    page = _Page(look, room)
    page.wrap(f"\n{story.headline}", style="bold")
    page.glance(story.grid)
    page.notes(story.notes)
    if room.details:
        page.block("Changed", story.changed, room.lines)
    for title, lines in story.blocks:
        page.block(title, lines, room.grave)
    if story.report.outcomes:  # else all is as the plan, just shown, has it
        _standing(page, story.holds, story.unknown)
    page.recap(story.recap)
    page.wrap(f"exit codes that hold: {', '.join(story.ends)}{_accepted(story.accepted)}")
    return page.text()


def status(found: Status, look: Look) -> str:
    """The glance, what is not well and what becomes of it, and when the last runs were."""
    page = _Page(look, Room(details=look.verbose, names=ALL if look.verbose else _NAMES))
    page.glance(found.grid)
    for title, lines in found.blocks:
        page.block(title, lines, ALL, details=True)
    page.wrap("")
    if found.healthy:
        page.wrap("Everything is in sync.", style="green")
    for line in found.runs:
        page.wrap(line)
    return page.text()


def listed_lines(titled: Mapping[str, Sequence[Line]], look: Look) -> str:
    """Lines under their titles, with all details."""
    page = _Page(look, Room(details=True))
    for title, lines in titled.items():
        page.block(title, lines, ALL)
    return page.text().removeprefix("\n")


def _standing(page: _Page, holds: Sequence[Line], unknown: Sequence[Line]) -> None:
    page.block("Held back, and what would release it", holds, page.room.lines, details=True)
    page.block("Unknown: could not be learnt", unknown, page.room.lines)


def _accepted(count: int) -> str:
    """Holds that the desired state takes as normal are counted, not told."""
    return f"; accepted holds: {count}" if count else ""


class _Page:
    """Lines that are folded at the look's width."""

    def __init__(self, look: Look, room: Room) -> None:
        self.look = look
        self.room = room
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

    def glance(self, grid: Grid) -> None:
        """The grid, which is no wider than the look."""
        if lines := drawn(grid, self.look.width, self.room.rows):
            self.wrap("")
            for row in lines[:-1]:
                self._console.print(Text(row), soft_wrap=True)
            self.wrap(lines[-1], style="dim")

    def block(self, title: str, lines: Sequence[Line], most: int, *, details: bool = False) -> None:
        """A title and its lines, those beyond `most` counted; nothing when there are none."""
        if not lines:
            return
        self.wrap(f"\n{title}", style="bold")
        for line in lines[:most]:
            where = f": {_named(line.names, self.room.names)}" if line.names else ""
            self.wrap(line.text + where, f"  {line.symbol} ", style=STYLES[line.symbol])
            for detail in line.details if details or self.room.details else ():
                self.wrap(detail, "      ", style="dim")
        if (left := len(lines) - most) > 0:
            self.wrap(f"and {left} more (-v)", "    ", style="dim")

    def notes(self, notes: Sequence[str]) -> None:
        """Remarks; too many of them are counted."""
        shown = notes if self.room.details else notes[:_NOTES]
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
        names = (*COLUMNS, *(n for n in SELDOM if any(getattr(row, n) for row in rows)))
        if self.look.width >= _TABLE_WIDTH:
            self._console.print(_table(rows, names))
        else:
            for row in rows:
                words = " ".join(f"{name}={getattr(row, name)}" for name in names)
                self.wrap(f"{row.server}: {words}", style=_tone(row))
        for row in rows:
            if row.detail:
                self.wrap(f"{row.server}: {safe(row.detail)}", style="red")


def _named(names: Sequence[str], most: int) -> str:
    """How many, and as many names as fit."""
    if len(names) == 1:
        return names[0]
    return f"{plural(len(names), 'repository')}: {listed(names, most)}"


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
