"""Fixtures of the sync tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..sandbox.kit import Work, git
from .kit import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    servers = Fleet(tmp_path)
    yield servers
    servers.end()


@pytest.fixture
def work(tmp_path: Path) -> Work:
    path = tmp_path / "work.git"
    git("init", "-q", "--bare", path)
    return Work(path)
