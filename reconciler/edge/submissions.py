"""The memory of submissions as a file.

Losing it costs a few events sent twice, so damage of any kind is loss, and so is what cannot be
true: a submission of tomorrow (the clock was wrong then, or is now) would hold its event back
until then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from reconciler.edge import files
from reconciler.limits import MEMORY_BYTES
from reconciler.model.observed import Submission


def load(path: Path, now: int) -> tuple[Submission, ...]:
    """What was saved up to `now` (seconds since 1970); empty when there is no file, or none that
    can be read."""
    try:
        rows = json.loads(files.own(path, MEMORY_BYTES))
        return tuple(row for row in map(_row, rows) if row.at <= now)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()


def save(path: Path, submissions: Sequence[Submission]) -> None:
    """Replace the file at once."""
    files.write(path, json.dumps([asdict(s) for s in submissions], indent=1) + "\n")


def _row(row: dict[str, object]) -> Submission:
    match row:
        case {
            "server": str(server),
            "event_id": str(event_id),
            "at": int(at),
            "accepted": bool(accepted),
            "tries": int(tries),
            "message": str(message),
        }:
            return Submission(
                server=server,
                event_id=event_id,
                at=at,
                accepted=accepted,
                tries=tries,
                message=message,
            )
    raise TypeError("a row of the memory has the wrong shape")
