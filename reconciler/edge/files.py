"""Files that survive a kill, and the lock that keeps two writers apart."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import Mistake, ReconcileError, UserFault


class Busy(ReconcileError):
    """Another run holds the lock."""


def read(path: Path, *, limit: int, what: str) -> bytes:
    """A whole file of the user's, at most `limit` bytes.

    Raises:
        UserFault: it is missing, unreadable, no plain file, or larger.
    """
    try:
        if not path.is_file():
            problem = "is not a file" if path.exists() else "does not exist"
            raise UserFault(
                Mistake(str(path), f"the {what} {problem}", "name an existing one, or write it")
            )
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        message = f"the {what} cannot be read: {error.strerror}"
        raise UserFault(Mistake(str(path), message, "check its permissions")) from None
    if len(data) > limit:
        message = f"the {what} is larger than {limit} bytes"
        raise UserFault(Mistake(str(path), message, "split it, or name the right file"))
    return data


def write(path: Path, text: str) -> None:
    """Replace a file at once: readers see the old text or the new, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run lock of a state folder. The kernel lets go of it when the process ends.

    Raises:
        Busy: another process holds it; the message says which.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read(100).strip() or "unknown"
            raise Busy(f"another run (process {holder}) holds {folder / 'lock'}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
