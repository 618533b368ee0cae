"""One row on one server, asked in a thread of its own: its time is bounded whatever comes."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field

import requests
import websocket

from reconciler.conformance.needs import NEEDS
from reconciler.conformance.remote import OutOfTime, Remote
from reconciler.conformance.stage import NeedsInside, SetUpRefused
from reconciler.conformance.table import Evidence, Row
from reconciler.conformance.verdict import AGREE, DIFFER, NOT_RUN, Judged

BROKEN = (OSError, requests.RequestException, websocket.WebSocketException)
"""An exchange that did not come to its end."""
_TIDY_SECONDS = 20.0


@dataclass(kw_only=True)
class Asked:
    """A row under way: what it came to, and what became of its traces."""

    row: Row
    stage: Remote
    seconds: float
    found: Judged | None = None
    trouble: bool = False
    """The set-up was refused, or the exchange broke: the server may have changed."""
    named: int = 0
    kept: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def _tidying(self) -> float:
        """Seconds for taking back what was made."""
        return min(self.seconds, _TIDY_SECONDS)

    def ask(self) -> Judged:
        """Run it; never longer than its time and that for tidying."""
        if need := NEEDS.get(self.row.id):
            return self._judged(NOT_RUN, why=f"needs {need}")
        if self.stage.family not in self.row.expect:
            return self._judged(NOT_RUN, why=f"{self.stage.family} has no such behaviour")
        began = time.monotonic()
        threading.Thread(target=self._run, args=(began,), daemon=True).start()
        self._done.wait(self.seconds + self._tidying)
        if self.found is None:
            self.trouble = True
            return self._judged(NOT_RUN, why=f"no end within {self.seconds:.0f} s")
        return self.found

    def skipped(self, why: str) -> Judged:
        """It is not asked."""
        return self._judged(NOT_RUN, why=why)

    def _run(self, began: float) -> None:
        self.stage.end = began + self.seconds
        try:
            found = self._probe()
            self.found = Judged(**vars(found) | {"seconds": round(time.monotonic() - began, 2)})
            self._tidy()
        finally:
            self._done.set()

    def _probe(self) -> Judged:
        try:
            self.stage.begin()
            seen = self.row.probe(self.stage)
        except NeedsInside as need:
            return self._judged(NOT_RUN, why=f"needs {need}")
        except OutOfTime as over:
            return self._judged(NOT_RUN, why=f"its time went to {over}")
        except SetUpRefused as refused:
            self.trouble = True
            return self._judged(DIFFER, f"refused before the question: {refused}")
        except BROKEN as broken:
            self.trouble = True
            return self._judged(DIFFER, f"{type(broken).__name__}: {broken}")
        except Exception as other:  # answers of any form reach the probes
            where = traceback.extract_tb(other.__traceback__)[-1].line
            return self._judged(DIFFER, f"{type(other).__name__}: {str(other) or where}")
        agrees = self.row.agrees(self.stage.family, seen)
        return self._judged(AGREE if agrees else DIFFER, repr(seen))

    def _tidy(self) -> None:
        self.stage.end = time.monotonic() + self._tidying
        made = sum(len(person.made) for person in self.stage.people)
        try:
            self.named, self.kept = self.stage.tidy()
        except (OutOfTime, ValueError, *BROKEN):
            self.named = self.kept = made
        finally:
            self.stage.stop()

    def _judged(self, verdict: str, seen: str = "", *, why: str = "") -> Judged:
        family = self.stage.family
        return Judged(
            id=self.row.id,
            clause=self.row.clause,
            verdict=verdict,
            expected=repr(self.row.expect[family]) if family in self.row.expect else "",
            seen=seen[:400],
            why=why,
            guess=self.row.evidence.get(family) is Evidence.GUESS,
        )
