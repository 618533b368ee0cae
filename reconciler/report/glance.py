"""The grid as text: straight heads where they fit, else heads that hang like stairs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from reconciler.report.grid import Grid

_GAP = 2
_ALL = 1_000_000
_HEAD = 26
"""Names in one head, as far as they are short."""
_LABEL = 12
"""Columns that the names of the rows get at least."""


def drawn(grid: Grid, width: int, rows: int) -> tuple[str, ...]:
    """The lines of the glance, at most `width` wide and `rows` high, and the legend, which may have
    to be folded; nothing without cells."""
    shown = grid.folded().within(rows, _ALL)
    return tuple(_lines(shown, width)) if shown.rows else ()


def _lines(shown: Grid, width: int) -> Iterator[str]:
    label = min(max(_LABEL, width // 3), max(cell_len(_title(row)) for row in shown.rows))
    straight = [
        max(cell_len(_title(c)), w) for c, w in zip(shown.columns, _widths(shown), strict=True)
    ]
    if label + sum(straight) + _GAP * len(straight) <= width:
        widths = straight
        yield _row("", list(map(_title, shown.columns)), label, widths)
    else:
        room = max(1, (width - label - _LABEL) // (max(_widths(shown)) + _GAP))
        shown = shown.within(_ALL, room)
        widths = _widths(shown)
        yield from _stairs(list(map(_title, shown.columns)), label, widths, width)
    for names, row in zip(shown.rows, shown.cells, strict=True):
        yield _row(_title(names), [cell.text for cell in row], label, widths)
    yield from _sums(shown, label, widths)
    legend = "  ".join(f"{mark.symbol} {mark.word}" for mark in shown.marks())
    numbers = any(cell.number for row in shown.cells for cell in row)
    yield legend + ("  (numbers: events and refs)" if numbers else "")


def _widths(grid: Grid) -> list[int]:
    """Of the cells and their sum, column by column."""
    columns = [[row[i] for row in grid.cells] for i in range(len(grid.columns))]
    return [
        max(*(len(cell.text) for cell in column), len(str(sum(c.number for c in column))) + 1)
        for column in columns
    ]


def _title(names: Sequence[str]) -> str:
    """All names where they are short, else the first and how many more."""
    whole = ", ".join(names)
    return whole if len(whole) <= _HEAD or len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def _cut(text: str, width: int) -> str:
    """A name that is too long loses its end; how many it stands for is kept."""
    if cell_len(text) <= width:
        return text
    more = text[text.rfind(" +") :] if " +" in text else ""
    return f"{set_cell_size(text, max(1, width - len(more) - 1)).rstrip()}…{more}"


def _row(name: str, texts: Sequence[str], label: int, widths: Sequence[int]) -> str:
    parts = [set_cell_size(_cut(name, label), label)]
    parts += [set_cell_size(text, width) for text, width in zip(texts, widths, strict=True)]
    return (" " * _GAP).join(parts).rstrip()


def _stairs(heads: Sequence[str], label: int, widths: Sequence[int], width: int) -> Iterator[str]:
    starts = [label + _GAP + sum(w + _GAP for w in widths[:i]) for i in range(len(heads))]
    for number, head in enumerate(heads):
        bars = [" " * (widths[i] + _GAP - 1) for i in range(number)]
        lead = " " * (label + _GAP) + "".join(f"|{bar}" for bar in bars)
        yield lead + _cut(head, width - starts[number])


def _sums(grid: Grid, label: int, widths: Sequence[int]) -> Iterator[str]:
    """What each server would get; only where that is no row already."""
    if len(grid.rows) > 1:
        totals = [sum(row[i].number for row in grid.cells) for i in range(len(grid.columns))]
        if any(totals):
            yield _row("all", [f" {total}" if total else "" for total in totals], label, widths)
