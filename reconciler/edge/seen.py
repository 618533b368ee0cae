"""What earlier runs saw, as a file in the state folder. Losing it costs alarms, never safety."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from reconciler.edge import files
from reconciler.limits import MEMORY_BYTES
from reconciler.model.observed import Seen
from reconciler.nostr.nip34 import parse_coordinate


def load(path: Path) -> tuple[Seen, ...]:
    """What was saved; empty when there is no file, or none that can be read."""
    try:
        return tuple(_row(row) for row in json.loads(files.own(path, MEMORY_BYTES)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()


def save(path: Path, seen: Sequence[Seen]) -> None:
    """Replace the file at once."""
    rows = [asdict(mark) | {"coordinate": str(mark.coordinate)} for mark in seen]
    files.write(path, json.dumps(rows, indent=1) + "\n")


def _row(row: dict[str, object]) -> Seen:
    match row:
        case {
            "coordinate": str(coordinate),
            "announcement": str(announcement),
            "announced_at": int(announced_at),
            "state": str() | None as state,
            "state_by": str() | None as state_by,
            "state_at": int(state_at),
            "servers": list(servers),
            "at": int(at),
        } if found := parse_coordinate(coordinate):
            return Seen(
                coordinate=found,
                announcement=announcement,
                announced_at=announced_at,
                state=state,
                state_by=state_by,
                state_at=state_at,
                servers=tuple(map(str, servers)),
                at=at,
            )
    raise TypeError("a row of the memory has the wrong shape")
