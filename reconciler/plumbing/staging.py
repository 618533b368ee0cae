"""A bare repository in which a stranger's objects are looked at; nobody serves it, and it is thrown
away whatever happens.

It borrows the objects of the repository that it fetches for (git: objects/info/alternates), so that
only new ones travel. What was asked for stands under refs/stage/<object id>.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

STAGED: Final = "refs/stage/"
FETCH: Final = ("fetch", "--no-tags", "--no-write-fetch-head", "--stdin")
"""`wanted` goes to its stdin; `--` and the URL follow."""


@contextmanager
def staging(folder: Path, lender: Path | None) -> Iterator[Path]:
    """An empty bare repository in `folder`, which borrows from `lender`, a repository."""
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder))
    try:
        (path / "refs").mkdir()
        (path / "objects" / "info").mkdir(parents=True)
        (path / "HEAD").write_text("ref: refs/heads/main\n")
        if lender:
            (path / "objects" / "info" / "alternates").write_text(f"{lender / 'objects'}\n")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wanted(oids: Iterable[str]) -> bytes:
    """Exactly these objects: lines for `git fetch --stdin`."""
    return "".join(f"{oid}:{STAGED}{oid}\n" for oid in sorted(oids)).encode()


def size(path: Path) -> int:
    """Bytes of all files in a repository that somebody is writing to meanwhile."""
    return sum(_bytes(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:  # renamed, or gone, since the folder was read
        return 0
