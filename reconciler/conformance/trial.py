"""The rows on somebody's server, at its pace: bounded in all, and whatever happens has its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import requests

from reconciler.conformance.exchange import exchange
from reconciler.conformance.judging import BROKEN, Asked
from reconciler.conformance.needs import FIRST, LAST
from reconciler.conformance.remote import OutOfTime, Remote, Target
from reconciler.conformance.stage import Trunk
from reconciler.conformance.table import Row
from reconciler.conformance.verdict import AGREE, DIFFER, NOT_RUN, Ended, Judged, Trial
from reconciler.errors import ReconcileError

_TROUBLES = 4
"""So many rows in trouble, one after another, are reason to look whether the server still hosts."""
_TRIAL_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a trial is held."""

    url: str
    family: str
    jobs: int = 8
    row_seconds: float = 150.0
    seconds: float = 900.0
    back_seconds: float = 20.0
    """How long a server that went away is waited for."""
    fresh_address: bool = False


@dataclass(kw_only=True)
class Court:
    """A trial under way."""

    terms: Terms
    folder: Path
    say: Callable[[int], None]
    """Told how many rows are done."""
    _rows: list[Row] = field(default_factory=list)
    _found: list[Judged] = field(default_factory=list)
    _troubles: int = 0
    _doubtful: dict[str, float] = field(default_factory=dict)
    """Rows that differ, and when they ended: since then no row began that agrees."""
    _named: int = 0
    _kept: int = 0
    _stopped: tuple[Ended, str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, rows: Iterable[Row]) -> Trial:
        """Look at the server, ask the rows, tidy."""
        self._began = time.monotonic()
        self._trunk = Trunk.create(self.folder / "trunk.git")
        software = self._software()
        if software is None:
            return self._trial("", Ended.DOWN, "no HTTP answer")
        if refused := self._refused():
            return self._trial(software, Ended.NO_GRASP, refused)
        self._rows = sorted(rows, key=lambda row: (row.id in LAST, row.id not in FIRST))
        first = [row for row in self._rows if row.id not in LAST]
        self._side_by_side(first)
        if self._troubles and not self._stopped:
            self._look_again()
        for row in self._rows[len(first) :]:
            self._ask(row)
            self._survived(row)
        if self._stopped:
            return self._trial(software, *self._stopped)
        differs = any(judged.verdict == DIFFER for judged in self._found)
        return self._trial(software, Ended.DIFFERS if differs else Ended.AGREES, "")

    def _trial(self, software: str, ended: Ended, detail: str) -> Trial:
        return Trial(
            url=self.terms.url,
            family=self.terms.family,
            software=software,
            ended=ended,
            detail=detail,
            rows=tuple(sorted(self._found, key=lambda judged: judged.id)),
            named=self._named,
            kept=self._kept,
            seconds=round(time.monotonic() - self._began, 1),
        )

    # --- the server as a whole ---

    def _software(self) -> str | None:
        """What NIP-11 says, "" when there is no such document; None when nothing answers."""
        try:
            answer = exchange("GET", self.terms.url, headers={"Accept": "application/nostr+json"})
            if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return None  # what stands before it answers in its place
            found = answer.json()
        except (OSError, requests.RequestException):
            return None
        except ValueError:
            return ""
        if not isinstance(found, dict):
            return ""
        words = (found.get("software", ""), found.get("version", ""))
        return " ".join(str(w)[:80] for w in words if isinstance(w, str | int | float))

    def _refused(self) -> str:
        """Why it hosts nothing for us; empty when it does. Bounded like a row."""
        stage = self._stage()
        stage.end = time.monotonic() + _TRIAL_SECONDS
        found = ["it comes to no end"]
        thread = threading.Thread(target=lambda: found.insert(0, _try(stage)), daemon=True)
        thread.start()
        thread.join(_TRIAL_SECONDS)
        return found[0]

    def _stage(self) -> Remote:
        return Remote(
            self.terms.family,
            self.folder,
            self._trunk,
            Target(self.terms.url),
            fresh_address=self.terms.fresh_address,
        )

    def _back(self) -> bool:
        """Wait until it hosts again; False when it does not come back."""
        end = time.monotonic() + self.terms.back_seconds
        while self._software() is None or self._refused():
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    # --- the rows ---

    def _side_by_side(self, asked: Iterable[Row]) -> None:
        """In daemon threads: whoever interrupts us does not wait for a row's end."""
        waiting = iter(asked)

        def work() -> None:
            while True:
                with self._lock:
                    row = next(waiting, None)
                if row is None:
                    return
                self._ask(row)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(self.terms.jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, row: Row) -> None:
        asked = Asked(row=row, stage=self._stage(), seconds=self.terms.row_seconds)
        began = time.monotonic()
        if self._stopped:
            judged = asked.skipped(self._stopped[1])
        elif time.monotonic() - self._began > self.terms.seconds:
            judged = asked.skipped(f"the {self.terms.seconds:.0f} s of all are over")
        else:
            judged = asked.ask()
        with self._lock:
            self._found.append(judged)
            self._doubt(judged, began)
            self._named += asked.named
            self._kept += asked.kept
            self._troubles = self._troubles + 1 if asked.trouble else 0
            worried = self._troubles >= _TROUBLES and not self._stopped
            self._troubles = 0 if worried else self._troubles
            self.say(len(self._found))
        if worried:
            self._look_again()

    def _doubt(self, judged: Judged, began: float) -> None:
        """Keep in mind what may say more of the server's end than of the row."""
        if judged.verdict == AGREE:
            self._doubtful = {i: end for i, end in self._doubtful.items() if end > began}
        elif judged.verdict == DIFFER:
            self._doubtful[judged.id] = time.monotonic()
            if self._stopped:
                self._withdraw()

    def _withdraw(self) -> None:
        """The server went: what was under way has not been run."""
        why = "it was under way when the server went"
        for number, judged in enumerate(self._found):
            if judged.id in self._doubtful:
                lost = vars(judged) | {"verdict": NOT_RUN, "seen": "", "why": why}
                self._found[number] = Judged(**lost)
        self._doubtful = {}

    def _look_again(self) -> None:
        away = self._software() is None
        if away and not self._back():
            self._stopped = Ended.GONE, f"no answer for {self.terms.back_seconds:.0f} s"
        elif not away and (why := self._refused()):
            self._stopped = Ended.CHANGED, why
        if away or self._stopped:
            with self._lock:
                self._withdraw()

    def _survived(self, row: Row) -> None:
        """A row that some server did not survive: what comes of it belongs to the row."""
        if self._stopped:
            return
        time.sleep(0.3)
        if self._software() is not None and not self._refused():
            return
        judged = self._found[-1]
        gone = f"{judged.seen or judged.why}, and then the server was gone"
        self._found[-1] = Judged(**vars(judged) | {"verdict": DIFFER, "seen": gone, "why": ""})
        if not self._back():
            self._stopped = Ended.GONE, f"since {row.id}"


def _try(stage: Remote) -> str:
    try:
        stage.trial()
        stage.tidy()
    except (OutOfTime, AssertionError, ReconcileError, ValueError, *BROKEN) as why:
        return f"{type(why).__name__}: {why}"
    finally:
        stage.stop()
    return ""
