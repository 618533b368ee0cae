"""The reports of a folder as what `serving` serves; read again only when they have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from reconciler.edge.reports import LATEST, LATEST_APPLY, Reports
from reconciler.errors import UserFault
from reconciler.model.outcome import Report
from reconciler.report.history import Past, past


class Folder:
    """A `serving.pages.ReportSource`; safe between threads."""

    def __init__(self, folder: Path, alive: Callable[[], bool] = lambda: True) -> None:
        self._reports = Reports(folder)
        self._alive = alive
        self._lock = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._report: Report | None = None
        self._past: tuple[Past, ...] = ()

    def report(self) -> Report | None:
        """The last apply of everything, else the last run."""
        with self._lock:
            self._look()
            return self._report

    def past(self) -> tuple[Past, ...]:
        """Earlier runs, the oldest first."""
        with self._lock:
            self._look()
            return self._past

    def alive(self) -> bool:
        """As whoever makes the reports says."""
        return self._alive()

    def _look(self) -> None:
        whole = self._reports.place(LATEST_APPLY).exists()
        name = LATEST_APPLY if whole else LATEST
        try:
            found = self._reports.place(LATEST).stat()
            mark = (found.st_mtime_ns, found.st_size, found.st_ino)
            if mark == self._seen:
                return
            report = self._reports.read(name)
        except (OSError, UserFault):
            return  # none yet, or one that cannot be read: what was known stays
        runs = [run for document in self._reports.earlier() if (run := past(document))]
        self._seen, self._report, self._past = mark, report, tuple(reversed(runs))
