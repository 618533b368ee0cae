"""Packs that were built in this run, each once for all servers that need it, on the disk.

One is lent to whoever sends it. Those that nobody holds go, the oldest first, once all of them
together are larger than the room for them; built again, they are as good.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import IO

from reconciler.limits import SPOOL_BYTES

Key = tuple[object, ...]
Build = Callable[[IO[bytes]], None]


class Packs:
    """The packs in one folder; safe between threads. Equal keys are not built side by side: whoever
    asks holds the lock of what they are built from."""

    def __init__(self, folder: Path, room: int = SPOOL_BYTES) -> None:
        """Args: where a folder of its own is made, once it is needed; bytes for all of them."""
        self._folder = folder
        self._room = room
        self._work: Path | None = None
        self._files: dict[Key, Path] = {}
        self._users: Counter[Key] = Counter()
        self._lock = Lock()

    def take(self, key: Key, build: Build) -> Path:
        """The pack of this key, held until it is given back. Raises Failure, OSError."""
        with self._lock:
            self._users[key] += 1
            found = self._files.get(key)
        if found is None:
            try:
                found = self._built(build)
            except BaseException:
                self.give_back(key)
                raise
            with self._lock:
                self._files[key] = found
        return found

    def give_back(self, key: Key) -> None:
        """It is not used any more, by this user."""
        with self._lock:
            self._users[key] -= 1
            sizes = {name: file.stat().st_size for name, file in self._files.items()}
            total = sum(sizes.values())
            for name in list(self._files):  # in the order in which they were built
                if total > self._room and not self._users[name]:
                    self._files.pop(name).unlink(missing_ok=True)
                    total -= sizes[name]

    def close(self) -> None:
        """Remove them all."""
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)

    def _built(self, build: Build) -> Path:
        with self._lock:
            if self._work is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._work = Path(tempfile.mkdtemp(dir=self._folder))
        with tempfile.NamedTemporaryFile(dir=self._work, suffix=".pack", delete=False) as out:
            try:
                build(out)
            except BaseException:
                Path(out.name).unlink()
                raise
        return Path(out.name)
