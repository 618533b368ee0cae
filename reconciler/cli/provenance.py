"""Who runs this, and of which commit: what a report says so that a later reader can ask."""

from __future__ import annotations

import os
import socket
from getpass import getuser
from pathlib import Path

from reconciler.errors import ReconcileError
from reconciler.plumbing import gitenv
from reconciler.plumbing.child import Children

_SECONDS = 10.0
_CHARS = 200


def actor() -> str:
    """The CI job's page and who set it off, else user and host."""
    given = os.environ
    if given.get("GITHUB_ACTIONS") == "true":
        run = f"actions/runs/{given.get('GITHUB_RUN_ID', '')}"
        place = f"{given.get('GITHUB_SERVER_URL', '')}/{given.get('GITHUB_REPOSITORY', '')}/{run}"
        return f"{given.get('GITHUB_ACTOR', '')} {place}".strip()[:_CHARS]
    if given.get("GITLAB_CI") == "true":
        found = f"{given.get('GITLAB_USER_LOGIN', '')} {given.get('CI_JOB_URL', '')}"
        return found.strip()[:_CHARS]
    try:
        user = getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:_CHARS]


def commit(file: Path) -> str | None:
    """The commit that is checked out where a file lies, `-dirty` behind it when the file is another
    than the commit's; None where there is none."""
    folder, name = file.absolute().parent, file.name
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    # neither looks at the work tree's settings, which could name programs to run
    committed = _git(folder, "rev-parse", "--verify", "--quiet", f"HEAD:./{name}")
    present = _git(folder, "hash-object", "--no-filters", "--", name)
    return head if committed == present else f"{head}-dirty"


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = Children().run(
            gitenv.limited(["git", *words]),
            env=gitenv.environment(Path("/"), gitenv.QUIET),
            cwd=folder,
            seconds=_SECONDS,
        )
    except (ReconcileError, OSError):
        return None
    return done.out.decode("ascii", "replace").strip() or None if done.code == 0 else None
