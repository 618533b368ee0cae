"""The git program as a client, and a bare repository that people work in."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_WHO = (("NAME", "t"), ("EMAIL", "t@example.org"), ("DATE", "1700000000 +0000"))
_SECONDS = 30
_MANNERS = ("gc.auto=0", "http.followRedirects=false")


def git(*args: str | Path, cwd: Path | None = None, check: bool = True, protocol: int = 2) -> str:
    """Its stdout. With check=False the exit code, stdout and stderr.

    It sees nothing of our environment, follows no redirect.
    """
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _WHO},
    }
    settings = [w for s in (f"protocol.version={protocol}", *_MANNERS) for w in ("-c", s)]
    done = subprocess.run(
        ["git", *settings, *args],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"git {args} failed: {done.stdout}{done.stderr}")
    return done.stdout.strip() if check else f"{done.returncode}\n{done.stdout}{done.stderr}"


@dataclass
class Work:
    """A local bare repository that a person works in."""

    path: Path

    def commit(self, text: str, parent: str | None = None) -> str:
        """A commit that nothing names yet."""
        blob = self._feed("hash-object", "-w", "--stdin", given=text)
        tree = self._feed("mktree", given=f"100644 blob {blob}\tfile\n")
        parents = ["-p", parent] if parent else []
        return self.git("commit-tree", tree, *parents, "-m", text)

    def pack(self, *oids: str) -> bytes:
        """A pack with everything that these reach."""
        argv = ["git", "pack-objects", "--quiet", "--revs", "--stdout"]
        given = "\n".join(sorted(oids)).encode()
        done = subprocess.run(argv, cwd=self.path, input=given, capture_output=True, check=True)
        return done.stdout

    def git(self, *args: str, check: bool = True, protocol: int = 2) -> str:
        """The program in it."""
        return git(*args, cwd=self.path, check=check, protocol=protocol)

    def _feed(self, *args: str, given: str) -> str:
        argv = ["git", *args]
        done = subprocess.run(
            argv, cwd=self.path, input=given.encode(), capture_output=True, check=True
        )
        return done.stdout.decode().strip()
