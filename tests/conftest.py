"""Settings of all tests, and the order in which the workers take them."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# examples run on shared machines: time is measured by `make bench`, never judged by a test
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("long", deadline=None, max_examples=300)
settings.load_profile("quick")  # `make long` asks for the other with --hypothesis-profile

gc.set_threshold(50_000)  # as it is, a seventh of the quick run is spent in the collector

SLOW = ("fleet", "playbooks", "conformance", "cli", "sync", "hunt", "negentropy")
"""Folders that come first: a long test that starts last is waited for by everybody."""
ALONE = ("test_flow.py", "test_dialects.py", "test_bad_servers.py", "test_apply.py")
"""Files whose tests share nothing, so that each may go to any worker."""


class ByFile(LoadScopeScheduling):
    """What one worker takes at a time: a file, one test that shares nothing, or one family's rows.

    The fixtures of a file are costly (a whole fleet, 20,000 events), so that a file is not split.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if file.endswith(ALONE):
            return nodeid
        if file.endswith("conformance/test_rows.py"):
            return test.rpartition("-")[2]
        return file


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Replace the scheduler of `--dist loadscope`, whose unit would be a class."""
    return ByFile(config, log)


def pytest_collection_finish() -> None:
    """What was collected lives to the end: the collector need not walk it in every test."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow folders first; within a folder the order stays."""
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    folder = path.parent.name
    return SLOW.index(folder) if folder in SLOW else len(SLOW)
