"""Local repositories that people work in, and the git program as everybody has it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_WHO = {"NAME": "t", "EMAIL": "t@example.org", "DATE": "1700000000 +0000"}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
    **{f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in _WHO.items()},
}


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    code: int
    out: str
    err: str


def git(*argv: str | Path, cwd: Path | None = None, given: str = "") -> Done:
    """Call git; never raises for its exit code."""
    words = ["git", "-c", "gc.auto=0", *map(str, argv)]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=ENVIRONMENT,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Source:
    """A bare repository; commits and tags are made in it, refs are what its owner says."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Source:
        """An empty one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        git("init", "-q", "--bare", path)
        return cls(path)

    def ask(self, *argv: str, given: str = "") -> str:
        """git's answer."""
        done = git(*argv, cwd=self.path, given=given)
        if done.code:
            raise AssertionError(f"git {argv}: {done.err}")
        return done.out.strip()

    def commit(self, text: str, *parents: str) -> str:
        """A commit that nothing names yet."""
        blob = self.ask("hash-object", "-w", "--stdin", given=text)
        tree = self.ask("mktree", given=f"100644 blob {blob}\tfile\n")
        return self.ask("commit-tree", tree, *(w for p in parents for w in ("-p", p)), "-m", text)

    def line(self, text: str, count: int) -> list[str]:
        """So many commits in a row, oldest first."""
        found: list[str] = []
        for number in range(count):
            found.append(self.commit(f"{text} {number}", *found[-1:]))
        return found

    def tag(self, name: str, target: str, kind: str = "commit") -> str:
        """An annotated tag object."""
        who = "tagger t <t@example.org> 1700000000 +0000"
        return self.ask("mktag", given=f"object {target}\ntype {kind}\ntag {name}\n{who}\n\nx\n")

    def push(self, url: str, refs: Mapping[str, str]) -> Done:
        """Push by object id; an empty one deletes."""
        return git("push", url, *(f"+{oid}:{name}" for name, oid in refs.items()), cwd=self.path)
