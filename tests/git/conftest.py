"""A small repository made by git itself, and how to ask git for its own words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., bytes]

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
    **{
        f"GIT_{who}_{what}": "t@t.example"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
    **{f"GIT_{who}_DATE": "1700000000 +0000" for who in ("AUTHOR", "COMMITTER")},
}


@pytest.fixture
def git() -> Git:
    """Run git in a folder; its stdout."""

    def run(folder: Path, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        done = subprocess.run(
            ["git", *args],
            cwd=folder,
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode in ok, done.stderr
        return done.stdout

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Git) -> Path:
    """Bare; branches main and topic/é on two commits, an annotated tag v1, HEAD at main."""
    folder = tmp_path / "r.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(folder))
    tree = git(folder, "mktree").decode().strip()
    first = git(folder, "commit-tree", tree, "-m", "one").decode().strip()
    second = git(folder, "commit-tree", tree, "-p", first, "-m", "two").decode().strip()
    git(folder, "update-ref", "refs/heads/main", second)
    git(folder, "update-ref", "refs/heads/topic/é", first)
    git(folder, "tag", "-a", "v1", "-m", "v1", first)
    return folder
