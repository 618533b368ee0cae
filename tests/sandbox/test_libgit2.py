"""libgit2, a second reader of git, on what the embedded servers serve and keep."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from pygit2.enums import SortMode

from reconciler.nostr import urls
from reconciler.sandbox.family.presets import PRESETS
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.servers import ALICE, publish

from .conftest import Starter

MAIN = "refs/heads/main"


@pytest.mark.parametrize("family", sorted(PRESETS))
def test_libgit2_clones_what_was_pushed_and_finds_it_whole(
    starter: Starter, work: Work, clock: Clock, tmp_path: Path, family: str
) -> None:
    first = work.commit("first")
    second = work.commit("second", first)
    server = starter(family=family)
    announced = ALICE.announce(server, "widget")
    publish(server, announced, ALICE.state("widget", {MAIN: second}))
    clock.advance(1)  # ngit-relay makes the repository a moment after the OK
    work.push(
        server, ALICE, "widget", f"{second}:{MAIN}"
    )  # khatru takes it, and git says it failed
    clock.advance(31)  # grasp-gitea serves it in half a minute

    url = urls.clone(server.url, ALICE.pubkey, "widget")
    cloned = pygit2.clone_repository(url, str(tmp_path / "theirs"), bare=True)

    assert str(cloned.references["refs/remotes/origin/main"].target) == second
    walked = cloned.walk(second, SortMode.TOPOLOGICAL)
    assert [str(commit.id) for commit in walked] == [second, first]
    kept = pygit2.Repository(str(server.repo_path(ALICE.pubkey, "widget")))
    assert str(kept.references[MAIN].target) == second
