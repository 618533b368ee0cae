"""Fixtures of the sandbox tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.clock import Clock
from tests.kit.git import Work, git
from tests.kit.servers import Fleet

Starter = Callable[..., RunningServer]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def starter(tmp_path: Path, clock: Clock) -> Iterator[Starter]:
    """Start servers by name; all are ended with the test."""
    running: list[RunningServer] = []

    def run(
        name: str = "one", family: str = "ngit-grasp", *, grasp: bool = True, port: int = 0
    ) -> RunningServer:
        spec = ServerSpec(
            name=name, directory=tmp_path / name, family=family, grasp=grasp, port=port
        )
        running.append(start(spec, clock=clock))
        return running[-1]

    yield run
    for server in running:
        server.kill()


@pytest.fixture
def server(starter: Starter) -> RunningServer:
    return starter()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Servers that follow each other."""
    servers = Fleet(tmp_path)
    yield servers
    servers.end()


@pytest.fixture
def work(tmp_path: Path) -> Work:
    path = tmp_path / "work.git"
    git("init", "-q", "--bare", path)
    return Work(path)
