"""The git program at every family's server, in protocol versions 0 and 2: it clones, fetches single
objects, pushes, and shows a refusal as far as it understands it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import MAIN, Stage
from reconciler.conformance.work import Work, git
from reconciler.sandbox.family.presets import PRESETS

from .conftest import Stages

VERSIONS = (0, 2)
REFUSED = {
    "spec": "protocol error: bad band #69",
    "ngit-grasp": "protocol error: bad band #69",
    "ngit-grasp-3": "protocol error: bad band #69",
    "ngit-relay": "(pre-receive hook declined)",
    "khatru": "HTTP 403",
    "gitea": "(pre-receive hook declined)",
}
"""What git's user reads. A pkt-line ERR in place of the report is read as side band E."""

pytestmark = [
    pytest.mark.parametrize(
        "family",
        [
            pytest.param(name, marks=() if name in ("spec", "ngit-grasp") else pytest.mark.long)
            for name in PRESETS
        ],
    ),
    pytest.mark.parametrize("version", VERSIONS),
]


@pytest.fixture
def stage(stages: Stages, family: str) -> Stage:
    found = stages.of(family)
    found.begin()
    return found


def test_git_clones_what_the_state_names(stage: Stage, version: int, tmp_path: Path) -> None:
    owner, (_, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    git("clone", "-q", "--bare", stage.url(owner), tmp_path / "clone", protocol=version)
    assert git("rev-parse", "HEAD", cwd=tmp_path / "clone") == two
    assert git("symbolic-ref", "HEAD", cwd=tmp_path / "clone") == MAIN


def test_it_fetches_by_bare_object_id(stage: Stage, version: int, tmp_path: Path) -> None:
    """Also one that no ref names: over HTTP git gives out all that refs reach, whatever it says of
    itself (gitprotocol-http, "Smart Service git-upload-pack")."""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    git("init", "-q", "--bare", tmp_path)
    for wanted in (one, two):
        git("fetch", "-q", stage.url(owner), wanted, cwd=tmp_path, protocol=version)
        assert git("rev-parse", "FETCH_HEAD", cwd=tmp_path) == wanted


def test_git_pushes_what_the_state_allows(stage: Stage, version: int) -> None:
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 2))
    done = push(stage.trunk.work, stage.url(owner), two, version)
    assert done.startswith("0\n"), done
    assert stage.refs(owner) == {MAIN: two}


def test_its_push_is_refused(stage: Stage, family: str, version: int) -> None:
    owner, (one, two, three) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 2))
    done = push(stage.trunk.work, stage.url(owner), three, version)
    assert not done.startswith("0\n")
    assert REFUSED[family] in done
    assert stage.refs(owner) == {MAIN: one}


def push(work: Work, url: str, commit: str, version: int) -> str:
    """Exit code, and all that git says."""
    return work.git("push", url, f"{commit}:{MAIN}", check=False, protocol=version)
