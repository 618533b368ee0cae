"""What was signed here and no server shows yet, as a file in the state folder.

Servers keep a new announcement or state unseen until its git data arrives, and lose it when none
does. Signing it anew would cost a signature a run; a lost or damaged file costs just that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reconciler.edge import files
from reconciler.errors import PeerFault
from reconciler.limits import MEMORY_BYTES, SIGNED_SECONDS
from reconciler.nostr.event import Event, verify


def load(path: Path, now: int) -> tuple[Event, ...]:
    """What was saved and is not older than SIGNED_SECONDS at `now` (seconds since 1970), verified
    anew; empty when there is no file, or none that can be read."""
    try:
        events = map(verify, json.loads(files.own(path, MEMORY_BYTES)))
        return tuple(event for event in events if now < event.created_at + SIGNED_SECONDS)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, PeerFault):
        return ()


def save(path: Path, events: Sequence[Event]) -> None:
    """Replace the file at once. Raises OSError."""
    rows = [event.to_json() for event in sorted(events, key=lambda event: event.id)]
    files.write(path, json.dumps(rows, indent=1) + "\n")
