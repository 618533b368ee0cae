"""The memory between runs: kept, lost, set aside, and never believed against the clock."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.edge.memory import MemoryFile
from reconciler.limits import MEMORY_BYTES, MEMORY_SECONDS
from reconciler.model.observed import Delegated, Memory, Submission
from reconciler.nostr.nip34 import Coordinate

NOW = 1_800_000_000
SERVER = "https://a.example"
ONE = Submission(
    server=SERVER, event_id="a" * 64, at=NOW - 60, accepted=True, tries=0, message="blocked: é"
)
LEFT = Delegated(SERVER, Coordinate("b" * 64, "widget"), NOW - 5, NOW + 40)
WHOLE = Memory(submissions=(ONE,), delegated=(LEFT,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.sqlite3"


def test_what_was_saved_is_loaded_and_replaces_what_was_there(path: Path) -> None:
    file = MemoryFile(path)
    file.save(WHOLE)
    assert MemoryFile(path).load(NOW) == WHOLE
    file.save(Memory(submissions=(replace(ONE, accepted=False, tries=3),)))
    (kept,) = MemoryFile(path).load(NOW).submissions
    assert (kept.accepted, kept.tries) == (False, 3)
    assert file.load(NOW).delegated == ()


def test_what_lies_ahead_of_the_clock_is_forgotten(path: Path) -> None:
    """Refused "in ten years" would keep an event back for ten years."""
    file = MemoryFile(path)
    late = replace(ONE, event_id="c" * 64, at=NOW + 1)
    file.save(Memory(submissions=(late, ONE), delegated=(replace(LEFT, since=NOW + 1),)))
    assert file.load(NOW) == Memory(submissions=(ONE,))


def test_a_budget_remembers_what_was_sent_until_it_no_longer_counts(path: Path) -> None:
    account = MemoryFile(path).account(SERVER)
    account.count(NOW - MEMORY_SECONDS - 1, 7)
    account.count(NOW - 10, 3)
    account.count(NOW, 2)
    assert MemoryFile(path).account(SERVER).sent(NOW) == ((NOW - 10, 3), (NOW, 2))
    assert MemoryFile(path).account("https://other.example").sent(NOW) == ()


def test_a_server_stays_shut_for_the_next_run_but_not_for_ever(path: Path) -> None:
    account = MemoryFile(path).account(SERVER)
    assert account.shut(NOW) == 0
    account.shut_until(NOW + 900)
    assert MemoryFile(path).account(SERVER).shut(NOW) == NOW + 900
    account.shut_until(NOW + 2 * MEMORY_SECONDS)  # a clock was wrong
    assert account.shut(NOW) == 0


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\x00" * 5000)


def cut(path: Path) -> None:
    MemoryFile(path).save(WHOLE)
    os.truncate(path, path.stat().st_size // 2)


def link(path: Path) -> None:
    other = path.with_name("other")
    MemoryFile(other).save(WHOLE)
    path.symlink_to(other)


def large(path: Path) -> None:
    MemoryFile(path).save(WHOLE)
    os.truncate(path, MEMORY_BYTES + 1)


def of_a_later_version(path: Path) -> None:
    MemoryFile(path).save(WHOLE)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")


def without_a_table(path: Path) -> None:
    MemoryFile(path).save(WHOLE)
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE delegated")


DAMAGE = [garbage, cut, link, large, of_a_later_version, without_a_table, os.mkfifo]


@pytest.mark.parametrize("make", DAMAGE, ids=lambda make: make.__name__)
def test_damage_of_any_kind_is_loss_and_makes_room(
    path: Path, make: Callable[[Path], None]
) -> None:
    make(path)
    assert MemoryFile(path).load(NOW) == Memory()
    MemoryFile(path).save(WHOLE)
    assert MemoryFile(path).load(NOW) == WHOLE
    assert os.path.lexists(path.with_suffix(".damaged"))


def test_nothing_is_made_by_reading(path: Path) -> None:
    assert MemoryFile(path).load(NOW) == Memory()
    assert not path.exists()


def test_what_cannot_be_written_is_an_error_of_this_machine(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match="memory"):
        MemoryFile(path).save(WHOLE)
    MemoryFile(path).account(SERVER).count(NOW, 1)  # forgotten, and nothing is stopped
