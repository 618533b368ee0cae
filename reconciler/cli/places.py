"""Folders that a run writes to: tried before its first write, and named when they fail."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reconciler.errors import Mistake, UserFault
from reconciler.limits import FOLDER_BYTES

STATE = "give another one: --state-dir, or RECONCILE_STATE_DIR"
REPORTS = "give another one: --report-dir, or RECONCILE_REPORT_DIR"
OUT = "name another file: --out, or RECONCILE_OUT"
_PROBE_BYTES = 64 * 2**10


def probe(folder: Path, what: str, remedy: str, *, mode: int = 0o755) -> None:
    """Make sure that files can be written here, and that some space is left. A folder that is not
    there yet is made, with this mode.

    Raises:
        UserFault: they cannot; it names the place and what to change.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        found = os.statvfs(folder)
    except OSError as error:
        raise unwritable(folder, what, error, remedy) from None
    free = found.f_bavail * found.f_frsize
    if found.f_blocks and free < FOLDER_BYTES:
        message = f"the {what} has {free // 2**10} KiB left, less than {FOLDER_BYTES // 2**10}"
        raise UserFault(Mistake(str(folder), message, f"make room, or {remedy}"))


def unwritable(place: Path, what: str, error: OSError, remedy: str) -> UserFault:
    """The mistake that a failed write is, when nothing has been done yet."""
    message = f"the {what} cannot be written: {error.strerror or error}"
    return UserFault(Mistake(str(place), message, remedy))
