"""What a power cut leaves in the archive, and that the next run heals it by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.sandbox.demo import history

from .yard import WIDGET, Yard, offer, tips

Damage = Callable[[Path], None]


def empty(file: Path) -> None:
    os.truncate(file, 0)


def halve(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def zero(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def zero_second_half(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


DAMAGES = (empty, halve, zero, zero_second_half)


def _names(damage: Damage) -> str:
    return damage.__name__


def gathered(yard: Yard, origin: Path) -> str:
    """The tip of main, which an earlier run brought here from server `one`."""
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    yard.archive().gather(WIDGET, frozenset({main}), ("one",))
    return main


def loosen(repository: Path) -> None:
    """Let each object be a file of its own, as archives of earlier releases have them."""
    for pack in list((repository / "objects" / "pack").glob("*.pack")):
        data = pack.read_bytes()
        for part in pack.parent.glob(f"{pack.stem}.*"):
            part.unlink()
        history.git(repository, "unpack-objects", "-q", stdin=data)


def loose(repository: Path, oid: str) -> Path:
    file = repository / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    return file


def assert_the_next_run_pushes(yard: Yard, main: str, folder: Path) -> None:
    """It finds what is missing, brings it in again, and its pack applies on an empty server."""
    archive = yard.archive()
    archive.repair()
    archive.holds(WIDGET, frozenset({main}))
    archive.gather(WIDGET, frozenset({main}), ("one",))
    receiver = folder / "receiver.git"
    history.git(None, "init", "--bare", "--quiet", str(receiver))
    with archive.pack(WIDGET, frozenset({main}), frozenset()) as pack:
        history.git(receiver, "index-pack", "--stdin", "--strict", stdin=pack.read_bytes())
    history.git(receiver, "update-ref", "refs/heads/main", main)
    history.git(receiver, "fsck", "--full", "--strict")
    archive.close()
    assert yard.staged() == []


@pytest.mark.parametrize("which", ["tip", "tree", "blob"])
@pytest.mark.parametrize("damage", DAMAGES, ids=_names)
def test_a_damaged_loose_object_heals(
    yard: Yard, origin: Path, tmp_path: Path, damage: Damage, which: str
) -> None:
    main = gathered(yard, origin)
    loosen(yard.repository())
    path = {"tip": main, "tree": f"{main}^{{tree}}", "blob": f"{main}:src"}[which]
    oid = history.git(origin, "rev-parse", path).decode().strip()
    if which == "blob":
        oid = history.git(origin, "ls-tree", oid).split()[2].decode()
    damage(loose(yard.repository(), oid))
    assert_the_next_run_pushes(yard, main, tmp_path)


@pytest.mark.parametrize("suffix", ["pack", "idx"])
@pytest.mark.parametrize("damage", DAMAGES, ids=_names)
def test_a_damaged_pack_heals(
    yard: Yard, origin: Path, tmp_path: Path, damage: Damage, suffix: str
) -> None:
    main = gathered(yard, origin)
    packs = list((yard.repository() / "objects" / "pack").glob(f"*.{suffix}"))
    assert packs
    for pack in packs:
        pack.chmod(0o644)
        damage(pack)
    assert_the_next_run_pushes(yard, main, tmp_path)


@pytest.mark.parametrize("damage", [empty, zero], ids=_names)
def test_a_damaged_ref_heals(yard: Yard, origin: Path, tmp_path: Path, damage: Damage) -> None:
    main = gathered(yard, origin)
    damage(yard.repository() / "refs" / "archive" / main)
    assert_the_next_run_pushes(yard, main, tmp_path)


def test_lost_blobs_are_fetched_anew_in_the_same_run(
    yard: Yard, origin: Path, tmp_path: Path
) -> None:
    """The tip is there, and says nothing about what it needs."""
    main = gathered(yard, origin)
    loosen(yard.repository())
    lines = history.git(origin, "rev-list", "--objects", main).decode().splitlines()
    for oid in (line[:40] for line in lines):
        if history.git(origin, "cat-file", "-t", oid) == b"blob\n":
            loose(yard.repository(), oid).unlink()
    assert_the_next_run_pushes(yard, main, tmp_path)


def test_refs_that_outlived_all_objects_are_filled_again_and_blame_nobody(
    yard: Yard, origin: Path, tmp_path: Path
) -> None:
    main = gathered(yard, origin)
    for file in (yard.repository() / "objects" / "pack").glob("*"):
        file.unlink()
    assert yard.archive().gather(WIDGET, frozenset({main}), ("one",)) == ()
    assert_the_next_run_pushes(yard, main, tmp_path)


def test_one_damaged_repository_stops_no_other(yard: Yard, origin: Path, tmp_path: Path) -> None:
    main = gathered(yard, origin)
    loosen(yard.repository())
    zero(loose(yard.repository(), main))
    archive = yard.archive()
    assert archive.holds(WIDGET, frozenset({main, "0" * 40})) == frozenset()
    shutil.rmtree(yard.folder / "servers" / "one")
    assert archive.holds(WIDGET, frozenset({main})) == frozenset()
    del tmp_path


def test_what_arrives_arrives_as_packs(yard: Yard, origin: Path) -> None:
    """A pack is written, synced and named; hundreds of loose files would be hundreds of chances."""
    gathered(yard, origin)
    objects = yard.repository() / "objects"
    assert {p.parent.name for p in objects.rglob("*") if p.is_file()} == {"pack"}
