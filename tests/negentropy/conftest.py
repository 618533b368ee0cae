"""Fixtures of the tests that need a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.clock import Clock

Starter = Callable[..., RunningServer]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def starter(tmp_path: Path, clock: Clock) -> Iterator[Starter]:
    """Start servers by family; all are ended with the test."""
    running: list[RunningServer] = []

    def run(family: str = "spec", *, grasp: bool = False) -> RunningServer:
        spec = ServerSpec(name=family, directory=tmp_path / family, family=family, grasp=grasp)
        running.append(start(spec, clock=clock))
        return running[-1]

    yield run
    for server in running:
        server.kill()
