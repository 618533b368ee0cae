"""Progress on stderr: a bar on a terminal, one line a stage elsewhere. Also hears signals."""

from __future__ import annotations

from threading import Event

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reconciler.report.safe import safe


class Bar:
    """A `world.Watcher` for people; a context manager, so that the terminal is left whole."""

    def __init__(self, console: Console, stop: Event) -> None:
        self._stop = stop
        self._console = console
        self._live = console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}", markup=False),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._task = self._progress.add_task("", total=1, last="", visible=False)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, name: str, total: int) -> None:
        """A stage begins."""
        if not self._live:
            self._console.print(f"{name}: {total} steps", markup=False, highlight=False)
        self._progress.update(self._task, visible=True)
        self._progress.reset(self._task, total=total, description=name, last="")

    def step(self, text: str) -> None:
        """A step is done."""
        self._progress.update(self._task, advance=1, last=safe(text, 60))

    def stopped(self) -> bool:
        """Did a signal ask to stop?"""
        return self._stop.is_set()
