"""The `git` program as our child: fixed arguments, scrubbed environment, limits (`plumbing`)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from reconciler.errors import Mistake, UserFault
from reconciler.limits import CHILD_WALL_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.plumbing import gitenv
from reconciler.plumbing.child import Children, Done, Killed, Overdue, Stopped, Watch
from reconciler.world import Failure

_SETTINGS: Final = {**gitenv.QUIET, **gitenv.CHECKED}
_HERE: Final = re.compile(
    r"no space left|quota exceeded|permission denied|read-only file system|too many open files",
    re.IGNORECASE,
)
"""git's words for trouble of this machine, which says nothing about a server or a repository."""
_PEERS: Final = ("remote: ", "fatal: remote error: ")
"""How git marks what a server said: its disk may be full, too."""
_LEAST: Final = (2, 37)
_INSTALL: Final = "install git 2.45.1 or newer (2.37 at least), and see that it comes first in PATH"
_FIXED_SINCE: Final = (2, 45, 1)
_FIXED: Final[dict[tuple[int, ...], tuple[int, ...]]] = {
    (2, minor): (2, minor, patch)
    for minor, patch in ((39, 4), (40, 2), (41, 1), (42, 2), (43, 4), (44, 1))
}
"""Releases of May 2024, track by track."""
_VERSION_SECONDS: Final = 10.0


class Excess(Failure):
    """git was ended by us: it took too much of something."""


@dataclass(frozen=True)
class Git:
    """Runs git. `home` is an empty directory of ours; `program` its absolute path."""

    home: Path
    program: str
    children: Children = field(default_factory=Children, compare=False)

    def run(
        self,
        *args: str,
        stdin: bytes | IO[bytes] = b"",
        out: IO[bytes] | None = None,
        config: Mapping[str, str] | None = None,
        seconds: float = CHILD_WALL_SECONDS,
        watch: Watch | None = None,
    ) -> Done:
        """Run git to its end.

        Args:
            args: after `git`; full names and absolute paths only, never a peer's text first.
            stdin: what it reads.
            out: where stdout goes; captured when None.
            config: settings on top of the fixed ones.
            seconds: wall clock; the whole process group is killed after it.
            watch: looks at it now and then; what it raises ends git.

        Raises:
            Excess: it did not end in time, said too much or took too much memory.
            Failure: it could not be started, or the run was stopped.
        """
        settings = {**_SETTINGS, **(config or {})}
        self.home.mkdir(parents=True, exist_ok=True)  # not before: a plan runs no git
        try:
            return self.children.run(
                gitenv.limited([self.program, *args]),
                env=gitenv.environment(self.home, settings, protocols=""),  # it talks to nobody
                cwd=self.home,
                seconds=seconds,
                stdin=stdin,
                out=out,
                watch=watch,
            )
        except Stopped:
            raise Failure(Unknown(Cause.STOPPED, "the run was stopped")) from None
        except Overdue as killed:
            raise Excess(Unknown(Cause.TIMEOUT, str(killed))) from None
        except Killed as killed:
            raise Excess(Unknown(Cause.PROTOCOL, str(killed))) from None
        except OSError as error:
            detail = f"git cannot be started: {error.strerror}"
            raise Failure(Unknown(Cause.LOCAL, detail)) from None

    def feed(
        self,
        *args: str,
        chunks: Iterable[bytes],
        config: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Done:
        """Run git to its end, and hand it these chunks as its stdin, as fast as it takes them.

        Raises:
            Failure: as `run`, or what making a chunk raised: then git saw its input end too early.
        """
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as given, ThreadPoolExecutor(1) as beside:
            running = beside.submit(self.run, *args, stdin=given, config=config, watch=watch)
            # nobody reads any more once git has ended: who waits to write is woken
            running.add_done_callback(lambda _: given.close())
            with os.fdopen(writer, "wb", buffering=0) as pipe, suppress(BrokenPipeError):
                for chunk in chunks:
                    _write(pipe, chunk)
        return running.result()


def _write(pipe: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[pipe.write(left) :]


def check(done: Done, place: Path, *, alone: bool = False) -> None:
    """Did git end well, in a repository at `place`? `alone`: whoever is remote is our own git, too.

    Raises:
        Failure: it did not; LOCAL with the place where this machine is at fault.
    """
    if not done.code:
        return
    if is_local(done, alone=alone):
        raise Failure(Unknown(Cause.LOCAL, f"{place}: git: {done.text()}"))
    raise Failure(Unknown(Cause.PROTOCOL, f"git: {done.text()}"))


def is_local(done: Done, *, alone: bool = False) -> bool:
    """Does git name trouble of this machine?"""
    ours = (line for line in done.faults if alone or not line.startswith(_PEERS))
    return any(_HERE.search(line) for line in ours)


def find_git() -> str:
    """The absolute path of a git program that can do what we need.

    Raises:
        UserFault: there is none, or it is too old.
    """
    found = shutil.which("git")
    if found is None:
        raise UserFault(Mistake("git", "is not installed", _INSTALL))
    version = git_version(found)
    if version < _LEAST:
        # an older one does not know core.fsync: what it wrote would not outlive a power cut
        shown = ".".join(map(str, version)) if version else "of an unknown version"
        raise UserFault(Mistake(found, f"is {shown}: too old, or not git", _INSTALL))
    return found


def git_version(program: str) -> tuple[int, ...]:
    """What `git version` says; () when it says nothing of the kind."""
    try:
        done = Children().run(
            gitenv.limited([program, "version"]),
            env=gitenv.environment(Path("/")),
            cwd=Path("/"),
            seconds=_VERSION_SECONDS,
        )
    except (Killed, OSError):
        return ()
    found = re.match(rb"git version (\d+)\.(\d+)(?:\.(\d+))?", done.out)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def known_holes(version: tuple[int, ...]) -> str | None:
    """A warning for people when this git lacks the security fixes of May 2024 (CVE-2024-32002 and
    others); None when it has them. Distributions mend older numbers, too: it is no more than that.
    """
    fixed = _FIXED.get(version[:2], _FIXED_SINCE)
    if version >= fixed:
        return None
    shown, wanted = (".".join(map(str, numbers)) for numbers in (version, fixed))
    return f"git {shown} may lack security fixes; {wanted} or newer has them"
