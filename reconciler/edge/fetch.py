"""Objects from one server into a staging repository, bounded in time and on the disk.

A server can keep a connection busy without sending a pack, and a pack can be as large as the disk:
neither is git's business, so that the staging repository is watched while git fills it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.edge.child import Excess, Git, check
from reconciler.limits import (
    FETCH_IDLE_SECONDS,
    FETCH_MEMORY_BYTES,
    FETCH_PROGRESS_BYTES,
    FREE_BYTES,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.plumbing.child import Heard
from reconciler.plumbing.staging import FETCH, size, wanted
from reconciler.world import Failure

_STAGED: Final = {
    "core.fsync": "none",
    "fetch.unpackLimit": "1",
    "http.lowSpeedTime": str(2 * int(FETCH_IDLE_SECONDS)),
}
"""Nothing here outlives the fetch; a pack shows by its size how far it has come; and it is we who
lose patience, so that the server is not asked again."""


class TooLarge(Failure):
    """What comes is larger than the quota."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where to fetch: clone URL, git settings that pin its address, allowed protocols."""

    url: str
    pinned: dict[str, str]
    protocols: str


def fetch(
    git: Git,
    source: Source,
    oids: Iterable[str],
    into: Path,
    *,
    quota: int,
    idle: float = FETCH_IDLE_SECONDS,
) -> None:
    """Fetch exactly these objects, with all that they need.

    Args:
        git: the program.
        source: where.
        oids: which objects.
        into: an empty staging repository.
        quota: bytes that it may grow to.
        idle: seconds that may pass without FETCH_PROGRESS_BYTES.

    Raises:
        TooLarge: more than the quota.
        Excess: more time or memory than a fetch may take.
        Failure: anything else.
    """
    done = git.run(
        f"--git-dir={into}",
        *FETCH,
        "--progress",  # git's own words after the last byte, so that working is told from waiting
        "--",
        source.url,
        stdin=wanted(oids),
        config=source.pinned | _STAGED,
        protocols=source.protocols,
        watch=_Watch(into, quota, idle),
    )
    check(done, into)


def ensure_room(folder: Path) -> None:
    """Raises Failure: the disk of this folder is (nearly) full."""
    disk = shutil.disk_usage(folder)
    if disk.free < min(FREE_BYTES, disk.total // 20):
        detail = f"{folder}: no space left on device, but for {disk.free >> 20} MB"
        raise Failure(Unknown(Cause.LOCAL, detail))


class _Watch:
    """Looks at a staging repository while git fills it."""

    def __init__(self, path: Path, quota: int, idle: float) -> None:
        self._path = path
        self._quota = quota
        self._idle = idle
        self._since = time.monotonic()
        self._size = 0
        self._work = 0

    def __call__(self, heard: Heard) -> None:
        """Raises Failure: Excess where the server is not to be asked again."""
        now, found = time.monotonic(), size(self._path)
        if found > self._quota:
            detail = f"what it sends is larger than {self._quota >> 20} MB"
            raise TooLarge(Unknown(Cause.PROTOCOL, detail))
        if heard.memory > FETCH_MEMORY_BYTES + found:
            detail = f"git took {heard.memory >> 20} MB of memory for {found >> 20} MB that came"
            raise Excess(Unknown(Cause.PROTOCOL, detail))
        ensure_room(self._path)
        if found - self._size >= FETCH_PROGRESS_BYTES or heard.work > self._work:
            self._since, self._size, self._work = now, found, heard.work
        if now - self._since > self._idle:
            detail = f"no pack came for {self._idle:.0f} s, whatever else was said"
            raise Excess(Unknown(Cause.TIMEOUT, detail))
