"""Files that survive a kill, and the lock that keeps two writers apart."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace a file at once: readers see the old text or the new, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def own(path: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file of ours.

    Raises:
        OSError: it is missing, unreadable, a link, or no plain file; no pipe is waited for.
    """
    with _plain(path, os.O_RDONLY) as file:
        return file.read(limit)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run lock of a state folder. The kernel lets go of it when the process ends.

    Raises:
        Busy: another process holds it; the message says which.
        UserFault: the lock is a link, or no plain file.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "lock"
    try:
        file = _plain(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        message = f"the lock cannot be opened: {why}"
        raise UserFault(Mistake(str(path), message, "remove it, if no run is under way")) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = file.read(100).decode("ascii", "replace").strip() or "unknown"
            raise Busy(f"another run (process {holder}) holds {path}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        yield


def _plain(path: Path, flags: int) -> IO[bytes]:
    """Open a file of ours, following no link and waiting for no pipe. Raises OSError."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a plain file", str(path))
