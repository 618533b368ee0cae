"""The memory of submissions between runs: kept, lost, and never believed against the clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.edge import submissions
from reconciler.limits import MEMORY_BYTES
from reconciler.model.observed import Submission

NOW = 1_800_000_000
ONE = Submission(
    server="https://a.example", event_id="a" * 64, at=NOW - 60, accepted=True, tries=0, message=""
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "submissions.json"
    saved = (ONE, replace(ONE, accepted=False, tries=3, message="blocked: é", at=NOW))
    submissions.save(path, saved)
    assert submissions.load(path, NOW) == saved


def test_what_lies_ahead_of_the_clock_is_forgotten(tmp_path: Path) -> None:
    """Refused "in ten years" would keep an event back for ten years."""
    path = tmp_path / "submissions.json"
    ahead = [replace(ONE, at=NOW + seconds) for seconds in (1, 10 * 365 * 86_400, 10**30)]
    submissions.save(path, (*ahead, ONE))
    assert submissions.load(path, NOW) == (ONE,)


def nested(path: Path) -> None:
    path.write_text("[" * 100_000)


def link(path: Path) -> None:
    other = path.with_name("other.json")
    submissions.save(other, (ONE,))
    path.symlink_to(other)


def large(path: Path) -> None:
    submissions.save(path, (ONE, replace(ONE, message="x" * MEMORY_BYTES)))


def shape(path: Path) -> None:
    path.write_text('[{"server": 5}]')


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\x00")


def nothing(_: Path) -> None:
    pass


@pytest.mark.parametrize(
    "make",
    [nested, link, large, shape, garbage, nothing, os.mkfifo, Path.mkdir],
    ids=lambda make: make.__name__,
)
def test_damage_of_any_kind_is_loss(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "submissions.json"
    make(path)
    assert submissions.load(path, NOW) == ()
