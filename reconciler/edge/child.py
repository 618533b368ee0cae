"""The `git` program as a child: fixed arguments, scrubbed environment, limits, own session.

git parses untrusted packs here and not in our process, because a 232-byte pack can ask for 4 GB.
Nothing of ours is inherited: no HOME, no configuration, no credentials, no descriptors.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.errors import Mistake, UserFault
from reconciler.limits import (
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OUTPUT_BYTES,
    CHILD_WALL_SECONDS,
    PACK_BYTES,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

# ulimit in the child's own shell: resource limits set in Python between fork and exec are not safe
# in a program with threads. Units: KiB, seconds, 512-byte blocks.
_LIMITED = (
    f"ulimit -v {CHILD_MEMORY_BYTES // 1024}; ulimit -t {CHILD_CPU_SECONDS}; "
    f'ulimit -f {PACK_BYTES // 512}; ulimit -c 0; exec "$@"'
)

_CONFIG = {
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "http.proxy": "",
    "http.cookieFile": "",
    "credential.helper": "",
    "transfer.credentialsInUrl": "die",
    "transfer.bundleURI": "false",
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    "receive.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "core.hooksPath": os.devnull,
    "core.bigFileThreshold": "64m",
    "safe.bareRepository": "explicit",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "1",
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a child ended. `out` and `err` are cut at CHILD_OUTPUT_BYTES."""

    code: int
    out: bytes
    err: bytes

    def text(self) -> str:
        """The last line of stderr, for people."""
        lines = self.err.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:500] if lines else f"git ended with {self.code}"


@dataclass(frozen=True)
class Git:
    """Runs git. `home` is an empty directory of ours; `program` its absolute path."""

    home: Path
    program: str

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        out: IO[bytes] | None = None,
        config: Mapping[str, str] | None = None,
        protocols: str = "https",
        seconds: float = CHILD_WALL_SECONDS,
    ) -> Done:
        """Run git to its end.

        Args:
            args: after `git`; full names and absolute paths only, never a peer's text first.
            stdin: what it reads.
            out: where stdout goes; captured when None.
            config: settings on top of the fixed ones.
            protocols: what GIT_ALLOW_PROTOCOL permits, colon-separated.
            seconds: wall clock; the whole process group is killed after it.

        Raises:
            Failure: it did not end in time.
        """
        with tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            with tempfile.TemporaryFile() as captured:
                code = self._wait(
                    [self.program, *args],
                    self._environment(config or {}, protocols),
                    (given, out or captured, err),
                    seconds,
                )
                captured.seek(0)
                err.seek(0)
                return Done(code, captured.read(CHILD_OUTPUT_BYTES), err.read(CHILD_OUTPUT_BYTES))

    def _wait(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
        seconds: float,
    ) -> int:
        stdin, stdout, stderr = streams
        self.home.mkdir(parents=True, exist_ok=True)  # not before: a plan runs no git
        child = subprocess.Popen(
            ["/bin/sh", "-c", _LIMITED, "sh", *command],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=dict(environment),
            cwd=self.home,
            start_new_session=True,
        )
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            detail = f"git did not end within {seconds:.0f} s"
            raise Failure(Unknown(Cause.TIMEOUT, detail)) from None
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def _environment(self, config: Mapping[str, str], protocols: str) -> dict[str, str]:
        settings = {**_CONFIG, **config}
        numbered = {}
        for number, (key, value) in enumerate(settings.items()):
            numbered[f"GIT_CONFIG_KEY_{number}"] = key
            numbered[f"GIT_CONFIG_VALUE_{number}"] = value
        return {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "GIT_SSH_COMMAND": "/bin/false",
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_COUNT": str(len(settings)),
            **numbered,
        }


def find_git() -> str:
    """The absolute path of the git program.

    Raises:
        UserFault: there is none.
    """
    found = shutil.which("git")
    if found is None:
        raise UserFault(Mistake("git", "is not installed", "install git 2.37 or newer"))
    return found
