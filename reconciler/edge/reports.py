"""The folder of reports: each names the digest of the one before it, and the oldest may go.

<run id>.json       every run
latest.json         the last one, whatever it was
latest-apply.json   the last apply of everything
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from reconciler.edge.files import own, write
from reconciler.limits import HISTORY_BYTES, HISTORY_RUNS, SAVED_REPORT_BYTES
from reconciler.model.codec import pretty, report_from_json, report_to_json
from reconciler.model.outcome import Report
from reconciler.nostr.strictjson import Json

LATEST: Final = "latest"
LATEST_APPLY: Final = "latest-apply"
_RUN: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+\.json")


class Reports:
    """One folder of reports; it need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, name: str) -> Path:
        """The file of a run, or of `LATEST`."""
        return self.folder / f"{name}.json"

    def add(self, report: Report, *, whole: bool) -> Report:
        """Write a report behind the last one.

        Args:
            report: the run.
            whole: is it an apply of everything? No plan and no part replaces the last such one.

        Returns:
            The report as it was written, with the digest of the one before it.

        Raises:
            OSError: it cannot be written; the file that failed is its `filename`, where known.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _turn(self.folder / ".lock"):
            before = self._last()
            told = replace(report, previous=hashlib.sha256(before).hexdigest() if before else None)
            document = pretty(report_to_json(told))
            # the last one first: what a kill leaves out is copied from it by the next run
            for name in (LATEST, told.run_id, *((LATEST_APPLY,) if whole else ())):
                _write(self.place(name), document)
        return told

    def prune(self, keep: int) -> None:
        """Leave the newest `keep` runs; the last apply of everything stays as `LATEST_APPLY`.
        Raises OSError."""
        for path in self.runs()[keep:]:
            path.unlink(missing_ok=True)

    def runs(self) -> list[Path]:
        """The files of all runs, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if _RUN.fullmatch(path.name)]
        # of runs that began in one second, the names say nothing
        return sorted(found, key=lambda p: (p.name[:16], p.stat().st_mtime_ns), reverse=True)

    def read(self, name: str) -> Report:
        """A report by its name. Raises UserFault, OSError."""
        path = self.place(name)
        return report_from_json(own(path, SAVED_REPORT_BYTES), place=str(path))

    def earlier(self) -> Iterator[Json]:
        """The documents of the last runs, the newest first: as many as HISTORY_RUNS and
        HISTORY_BYTES take. What cannot be read is left out."""
        left = HISTORY_BYTES
        for path in self.runs()[:HISTORY_RUNS]:
            with suppress(OSError, ValueError, RecursionError):
                data = own(path, SAVED_REPORT_BYTES)
                left -= len(data)
                if left < 0:
                    return
                yield json.loads(data)

    def digests(self) -> Iterator[tuple[str, str, Report]]:
        """Of every run, the oldest first: its name, its file's digest, and what it says. Raises
        UserFault, OSError."""
        for path in self.runs()[::-1]:
            data = own(path, SAVED_REPORT_BYTES)
            yield (
                path.stem,
                hashlib.sha256(data).hexdigest(),
                report_from_json(data, place=str(path)),
            )

    def head(self) -> str | None:
        """The digest of the last report. Raises OSError."""
        path = self.place(LATEST)
        return hashlib.sha256(own(path, SAVED_REPORT_BYTES)).hexdigest() if path.exists() else None

    def _last(self) -> bytes | None:
        """The last report; its run's own file is written if a kill left it out."""
        path = self.place(LATEST)
        if not path.exists():
            return None
        data = own(path, SAVED_REPORT_BYTES)
        name = self._run_of(LATEST)
        if name and not self.place(name).exists():
            _write(self.place(name), data.decode("utf-8", "replace"))
        return data

    def _run_of(self, name: str) -> str | None:
        """The run whose report stands under this name."""
        try:
            head = own(self.place(name), 4096).decode("utf-8", "replace")
        except OSError:
            return None
        found = re.search(r'"run_id": "([0-9TZa-f-]+)"', head)
        return found[1] if found else None


def _write(path: Path, document: str) -> None:
    try:
        write(path, document)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Runs that end at the same time write one after the other."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
