"""What a first push costs the server: git children, and readings of events."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.sandbox.family.presets import PRESETS
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.servers import ALICE, publish, remote_refs

from .conftest import Starter

MAIN = "refs/heads/main"


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every git that is started from now on writes its command line into this file."""
    log, folder = tmp_path / "children", tmp_path / "bin"
    folder.mkdir()
    stand_in = folder / "git"
    stand_in.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {shutil.which("git")} "$@"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return log


@pytest.mark.parametrize("family", sorted(PRESETS.keys() - {"khatru"}))
def test_a_first_push_asks_for_each_thing_once(
    starter: Starter, work: Work, clock: Clock, children: Path, tmp_path: Path, family: str
) -> None:
    server = starter(family=family)
    commit = work.commit("first")
    publish(server, ALICE.announce(server, "widget"), ALICE.state("widget", {MAIN: commit}))
    clock.advance(2)
    remote_refs(server, ALICE, "widget")  # errands that were due are done now
    statements: list[str] = []
    server._service.store._db.set_trace_callback(statements.append)
    children.unlink(missing_ok=True)

    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")

    ours = [line for line in children.read_text().splitlines() if str(tmp_path / "one") in line]
    assert len(ours) <= 4, "refs for the client, refs for the judgement, the push itself, HEAD"
    assert sum("SELECT id, json" in text for text in statements) <= 2, (
        "announcements and states, read once"
    )
