"""The archive, fed by real git repositories: honest, split, hostile, and damaged."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from reconciler.git.refname import HEADS
from reconciler.limits import PACK_BYTES
from reconciler.sandbox.demo import history
from reconciler.world import Failure

from .yard import OTHER, WIDGET, Yard, offer, tips, wrap

IDENTITY = "A <a@example.org> 1700000000 +0000"
BAD_COMMITS = {
    "a date of nothing": "tree {tree}\nauthor A <a@example.org> x +0000\ncommitter " + IDENTITY,
    "no committer": "tree {tree}\nauthor " + IDENTITY,
    "no name before the address": "tree {tree}\nauthor A a@example.org> 1 +0000\ncommitter "
    + IDENTITY,
    "no address": "tree {tree}\nauthor A 1700000000 +0000\ncommitter " + IDENTITY,
}
BAD_NAMES = [b".git", b"..", b".", b"a/b", b".GIT", b"git~1"]


def test_what_was_gathered_is_held_and_whole(yard: Yard, origin: Path) -> None:
    wanted = frozenset(tips(origin).values())
    offer(yard, origin, "one", *tips(origin))
    archive = yard.archive()
    assert archive.holds(WIDGET, wanted) == frozenset()
    archive.gather(WIDGET, wanted, ("one",))
    assert archive.holds(WIDGET, wanted | {"0" * 40}) == wanted
    assert archive.holds(OTHER, wanted) == frozenset()
    history.git(yard.repository(), "fsck", "--full", "--strict", "--connectivity-only")
    assert yard.staged() == []
    assert not (yard.repository() / "hooks").exists()
    assert yard.repository().parent == yard.folder / "archive" / "repositories"


def test_nothing_is_fetched_twice(yard: Yard, origin: Path) -> None:
    wanted = frozenset(tips(origin).values())
    offer(yard, origin, "one", *tips(origin))
    yard.archive().gather(WIDGET, wanted, ("one",))
    yard.archive().gather(WIDGET, wanted, ("one",))
    assert yard.asked == ["one"]


def test_objects_split_over_two_servers_are_gathered(yard: Yard, origin: Path) -> None:
    names = sorted(name for name in tips(origin) if name.startswith(HEADS))
    offer(yard, origin, "one", names[0])
    offer(yard, origin, "two", *names[1:])
    wanted = frozenset(tips(origin)[name] for name in names)
    archive = yard.archive()
    archive.gather(WIDGET, wanted, ("gone", "one", "two"))
    assert archive.holds(WIDGET, wanted) == wanted
    assert yard.asked == ["one", "two"]


def test_what_nobody_has_is_a_failure_and_the_rest_is_kept(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    archive = yard.archive()
    with pytest.raises(Failure, match="1 objects could not be fetched"):
        archive.gather(WIDGET, frozenset({main, "1" * 40}), ("one",))
    assert archive.holds(WIDGET, frozenset({main})) == {main}


def test_a_server_that_lacks_objects_behind_its_refs(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    bad = offer(yard, origin, "bad", "refs/heads/main")
    offer(yard, origin, "good", "refs/heads/main")
    history.git(bad, "unpack-objects", stdin=_whole_pack(bad))
    for pack in (bad / "objects" / "pack").glob("*"):
        pack.unlink()
    tree = history.git(origin, "rev-parse", f"{main}~3^{{tree}}").decode().strip()
    loose = bad / "objects" / tree[:2] / tree[2:]
    if not loose.exists():
        history.git(bad, "unpack-objects", stdin=_whole_pack(origin))
    loose.unlink()
    with pytest.raises(Failure, match="could not be fetched"):
        yard.archive().gather(WIDGET, frozenset({main}), ("bad",))
    assert yard.staged() == []
    yard.archive().gather(WIDGET, frozenset({main}), ("bad", "good"))
    assert yard.archive().holds(WIDGET, frozenset({main})) == {main}


def _whole_pack(path: Path) -> bytes:
    return history.git(path, "pack-objects", "--all", "--revs", "--stdout", "--quiet", stdin=b"")


# --- hostile objects -------------------------------------------------------------------------


def make(path: Path, kind: str, data: bytes) -> str:
    """Write an object that git itself would not."""
    flags = ("-t", kind, "-w", "--stdin", "--literally")
    return history.git(path, "hash-object", *flags, stdin=data).decode().strip()


def bad_commit(path: Path, text: str) -> str:
    tree = make(path, "tree", b"")
    oid = make(path, "commit", f"{text.format(tree=tree)}\n\nhello\n".encode())
    history.git(path, "update-ref", "refs/heads/main", oid)
    return oid


def bad_tree(path: Path, name: bytes) -> str:
    blob = make(path, "blob", b"x")
    tree = make(path, "tree", b"100644 " + name + b"\0" + bytes.fromhex(blob))
    return bad_commit(path, f"tree {tree}\nauthor {IDENTITY}\ncommitter {IDENTITY}")


def assert_refused(yard: Yard, oid: str) -> None:
    """The source is asked, nothing of it arrives, and nothing stays behind."""
    archive = yard.archive()
    with pytest.raises(Failure, match="could not be fetched"):
        archive.gather(WIDGET, frozenset({oid}), ("bad",))
    assert yard.asked == ["bad"]
    assert archive.holds(WIDGET, frozenset({oid})) == frozenset()
    assert yard.staged() == []
    left = [p for p in (yard.repository() / "objects").rglob("*") if p.is_file()]
    assert left == []


@pytest.mark.parametrize("text", BAD_COMMITS.values(), ids=BAD_COMMITS.keys())
def test_malformed_commits_are_refused(yard: Yard, text: str) -> None:
    assert_refused(yard, bad_commit(yard.server("bad"), text))


@pytest.mark.parametrize("name", BAD_NAMES)
def test_malformed_trees_are_refused(yard: Yard, name: bytes) -> None:
    assert_refused(yard, bad_tree(yard.server("bad"), name))


def test_a_submodule_that_climbs_is_refused(yard: Yard) -> None:
    path = yard.server("bad")
    text = b'[submodule "../../x"]\n\tpath = x\n\turl = https://example.org/x\n'
    blob = make(path, "blob", text)
    tree = make(path, "tree", b"100644 .gitmodules\0" + bytes.fromhex(blob))
    assert_refused(yard, bad_commit(path, f"tree {tree}\nauthor {IDENTITY}\ncommitter {IDENTITY}"))


def test_foreign_refs_are_never_imported(yard: Yard, origin: Path) -> None:
    """refs/replace would change what later ancestry checks see."""
    bad = offer(yard, origin, "bad", *tips(origin))
    main, older = (
        history.git(bad, "rev-parse", name).decode().strip()
        for name in ("refs/heads/main", "refs/heads/main~2")
    )
    history.git(bad, "update-ref", f"refs/replace/{older}", main)
    for name in ("refs/notes/commits", "refs/pull/1/head", "refs/stash", "refs/remotes/o/main"):
        history.git(bad, "update-ref", name, older)
    yard.archive().gather(WIDGET, frozenset({main}), ("bad",))
    names = history.git(yard.repository(), "for-each-ref", "--format=%(refname)").decode().split()
    assert names == [f"refs/archive/{main}"]


# --- packs -----------------------------------------------------------------------------------


def test_a_thin_pack_applies_on_the_receiver(yard: Yard, origin: Path, tmp_path: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    older = history.git(origin, "rev-parse", f"{main}~2").decode().strip()
    offer(yard, origin, "one", "refs/heads/main")
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    receiver = tmp_path / "receiver.git"
    history.git(None, "init", "--bare", "--quiet", str(receiver))
    history.git(origin, "push", "--quiet", f"file://{receiver}", f"{older}:refs/heads/main")
    beyond = frozenset({older, "1" * 40})
    with (
        archive.pack(WIDGET, frozenset({main}), frozenset()) as whole,
        archive.pack(WIDGET, frozenset({main}), beyond) as thin,
    ):
        assert thin.stat().st_size < whole.stat().st_size < PACK_BYTES
        data = thin.read_bytes()
    history.git(receiver, "index-pack", "--stdin", "--fix-thin", "--strict", stdin=data)
    history.git(receiver, "update-ref", "refs/heads/main", main, older)
    history.git(receiver, "fsck", "--full", "--strict")
    archive.close()


def test_equal_questions_share_one_pack(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    with archive.pack(WIDGET, frozenset({main}), frozenset()) as first:
        made = first.stat().st_mtime_ns
    # a server that has other objects asks the same question: what we do not hold makes none thin
    with archive.pack(WIDGET, frozenset({main}), frozenset({"1" * 40, "2" * 40})) as again:
        assert (again, again.stat().st_mtime_ns) == (first, made)
    assert len(list(first.parent.iterdir())) == 1
    archive.close()
    assert not first.exists()
    assert yard.staged() == []


def test_what_is_not_here_cannot_be_packed(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    with pytest.raises(Failure), archive.pack(WIDGET, frozenset({"1" * 40}), frozenset()):
        pass
    archive.close()


# --- after a kill ----------------------------------------------------------------------------


def test_a_killed_run_s_leftovers_are_repaired(yard: Yard, origin: Path) -> None:
    """Locks of a dead git block writes for ever: first that they do, then that repair helps."""
    main, tag = (tips(origin)[name] for name in ("refs/heads/main", "refs/tags/v1.0.0"))
    offer(yard, origin, "one", *tips(origin))
    yard.archive().gather(WIDGET, frozenset({main}), ("one",))
    repository = yard.repository()
    (repository / "refs" / "archive" / f"{tag}.lock").touch()
    (repository / "packed-refs.lock").touch()
    (repository / "HEAD.lock").touch()
    quarantine = repository / "objects" / "tmp_objdir-incoming-dead"
    quarantine.mkdir()
    (quarantine / "half.pack").write_bytes(b"PACK")
    (yard.folder / "archive" / "staging" / "dead").mkdir(parents=True)

    for name in (f"refs/archive/{tag}", "HEAD"):
        with pytest.raises(RuntimeError, match="File exists"):
            history.git(repository, "update-ref", "--no-deref", name, main)
    archive = yard.archive()
    archive.repair()
    archive.gather(WIDGET, frozenset({tag}), ("one",))
    assert archive.holds(WIDGET, frozenset({main, tag})) == {main, tag}
    assert (repository / "refs" / "archive" / tag).exists()
    assert not list(repository.rglob("*.lock"))
    assert not quarantine.exists()
    assert yard.staged() == []


def test_a_deleted_archive_only_slows(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    yard.archive().gather(WIDGET, frozenset({main}), ("one",))
    shutil.rmtree(yard.folder / "archive")
    archive = yard.archive()
    archive.repair()
    assert archive.holds(WIDGET, frozenset({main})) == frozenset()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    assert archive.holds(WIDGET, frozenset({main})) == {main}


@pytest.mark.parametrize("damage", ["HEAD", "config", "objects", "refs"])
def test_a_damaged_archive_is_fetched_anew(yard: Yard, origin: Path, damage: str) -> None:
    """A power cut leaves empty files and missing folders."""
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    yard.archive().gather(WIDGET, frozenset({main}), ("one",))
    target = yard.repository() / damage
    if target.is_dir():
        shutil.rmtree(target)
    else:
        os.truncate(target, 0)
    archive = yard.archive()
    archive.repair()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    with archive.pack(WIDGET, frozenset({main}), frozenset()) as pack:
        assert pack.stat().st_size > 100
    archive.close()


def test_one_store_a_coordinate(yard: Yard, origin: Path) -> None:
    """A server that knows an id of another repository cannot get the object out of it."""
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    with pytest.raises(Failure), archive.pack(OTHER, frozenset({main}), frozenset()):
        pass
    archive.close()


# --- packs on the disk -----------------------------------------------------------------------


def test_what_arrives_is_on_the_disk_before_it_counts(yard: Yard, origin: Path) -> None:
    """git counts its calls of fsync: the pack, its index and the ref."""
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "one", "refs/heads/main")
    trace = yard.folder / "trace"
    wrap(yard, "receive-pack", f'GIT_TRACE2_EVENT={trace} exec $git "$@"')
    yard.archive().gather(WIDGET, frozenset({main}), ("one",))
    flushed = re.findall(r'hardware-flush","(?:value|count)":"?(\d+)', trace.read_text())
    assert sum(map(int, flushed)) >= 3


def test_many_small_packs_become_few(yard: Yard, origin: Path) -> None:
    one = offer(yard, origin, "one", "refs/heads/main")
    tip = tips(one)["refs/heads/main"]
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({tip}), ("one",))
    packs = yard.repository() / "objects" / "pack"
    data = next(packs.glob("*.pack"))
    for number in range(60):  # as many runs would leave behind
        for part in (data, data.with_suffix(".idx")):
            shutil.copy(part, packs / f"pack-{number:040x}{part.suffix}")
    new = history.extend(one, 5)
    archive.gather(WIDGET, frozenset({new}), ("one",))
    assert len(list(packs.glob("*.pack"))) < 10
    assert archive.holds(WIDGET, frozenset({tip, new})) == {tip, new}
    history.git(yard.repository(), "fsck", "--full", "--strict")
