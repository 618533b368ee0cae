"""What all tests of the archive begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.demo import history
from reconciler.sandbox.demo.host import plain_host

from .yard import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    servers = tmp_path / "servers"
    servers.mkdir()
    with plain_host(servers) as host:
        yield Yard(tmp_path, host)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with history: main is an ancestor of nothing, `search` one of main."""
    yield history.create(tmp_path_factory.mktemp("origin") / "o.git", 1)
