"""How cells stood in earlier runs, read from the plain JSON of their reports: 30 of 100,000 cells
each are too many to be made into values first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.outcome import Result
from reconciler.model.plan import Verdict
from reconciler.nostr.strictjson import Json
from reconciler.report.marks import FAILED, VERDICTS, Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One earlier run: when, what kind, how it ended, and the mark of each of its cells, by the
    text of the coordinate and the server's URL."""

    run_id: str
    mode: str
    started: str
    exit_code: int
    marks: Mapping[tuple[str, str], Mark]


def past(document: Json) -> Past | None:
    """What a later reader wants to know of a run; None when it is no report that we can read."""
    try:
        marks = {
            (cell["coordinate"], cell["server"]): VERDICTS[Verdict(cell["verdict"])].mark
            for cell in document["cells"]
        }
        for outcome in document["outcomes"]:
            if Result(outcome["result"]) in FAILED and outcome.get("coordinate"):
                marks[outcome["coordinate"], outcome["server"]] = Mark.FAILED
        return Past(
            run_id=str(document["run_id"]),
            mode=str(document["mode"]),
            started=str(document["started"]),
            exit_code=int(document["exit_code"]),
            marks=marks,
        )
    except (KeyError, TypeError, ValueError):
        return None
