"""Packs on the disk: built once, there while they are used, and no more than there is room for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from reconciler.edge.packs import Packs


def of(size: int) -> Callable[[IO[bytes]], None]:
    return lambda out: (out.write(b"x" * size), None)[1]


def test_equal_keys_share_one_file_until_all_is_closed(tmp_path: Path) -> None:
    packs = Packs(tmp_path / "staging")
    assert not (tmp_path / "staging").exists()
    first = packs.take(("a",), of(10))
    assert packs.take(("a",), of(99)) == first
    assert first.stat().st_size == 10
    for _ in range(2):
        packs.give_back(("a",))
    assert first.exists()
    packs.close()
    assert list((tmp_path / "staging").iterdir()) == []


def test_beyond_the_room_the_oldest_that_nobody_uses_go(tmp_path: Path) -> None:
    packs = Packs(tmp_path, room=25)
    files = {name: packs.take((name,), of(10)) for name in "abc"}
    packs.give_back(("b",))
    assert [name for name, file in files.items() if not file.exists()] == ["b"]
    packs.give_back(("a",))
    packs.give_back(("c",))
    assert files["a"].exists() and files["c"].exists()
    assert packs.take(("b",), of(10)) != files["b"]


def test_one_that_could_not_be_built_leaves_nothing(tmp_path: Path) -> None:
    packs = Packs(tmp_path)

    def full(out: IO[bytes]) -> None:
        out.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        packs.take(("a",), full)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    assert packs.take(("a",), of(3)).stat().st_size == 3
