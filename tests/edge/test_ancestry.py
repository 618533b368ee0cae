"""What the archive knows of a move: is it forward, and which commits would be lost?"""

from __future__ import annotations

from pathlib import Path

from reconciler.limits import ANCESTRY_COMMITS
from reconciler.model.observed import Ancestry, Commit
from reconciler.sandbox.demo import history

from .test_damage import loose, loosen, zero
from .yard import WIDGET, Yard, offer, tips


def parse(repository: Path, name: str) -> str:
    return history.git(repository, "rev-parse", name).decode().strip()


def subject(repository: Path, oid: str) -> str:
    return history.git(repository, "log", "-1", "--format=%s", oid).decode().strip()


def test_forward_and_back_are_told_apart(yard: Yard, origin: Path) -> None:
    main, tag = tips(origin)["refs/heads/main"], tips(origin)["refs/tags/v1.0.0"]
    older = parse(origin, f"{main}~1")
    offer(yard, origin, "one", *tips(origin))
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({main, tag}), ("one",))
    forward, back, same, tagged = archive.ancestry(
        WIDGET, ((older, main), (main, older), (main, main), (older, tag))
    )
    assert forward == Ancestry(older, main, forward=True)
    assert same == Ancestry(main, main, forward=True)
    assert tagged == Ancestry(older, tag, forward=True)
    # main is a merge: the branch that it brought in is lost as well
    assert back.forward is False
    assert back.count == len(back.dropped) > 1
    assert back.dropped[0] == Commit(main, subject(origin, main))


def test_one_lost_commit_is_named(yard: Yard, origin: Path, tmp_path: Path) -> None:
    one = offer(yard, origin, "one", "refs/heads/main")
    old = tips(one)["refs/heads/main"]
    new = history.extend(one, 7, start=f"{old}~1")
    history.git(one, "update-ref", "refs/heads/old", old)
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({old, new}), ("one",))
    (found,) = archive.ancestry(WIDGET, ((new, old),))
    assert found == Ancestry(new, old, False, (Commit(new, subject(one, new)),), 1)


def test_long_losses_and_long_subjects_are_cut(yard: Yard, origin: Path) -> None:
    one = offer(yard, origin, "one", "refs/heads/main")
    base = tips(one)["refs/heads/main"]
    parent, tree = base, parse(one, f"{base}^{{tree}}")
    for number in range(ANCESTRY_COMMITS + 5):
        text = f"author A <a@b> {number} +0000\ncommitter A <a@b> {1_800_000_000 + number} +0000"
        body = f"tree {tree}\nparent {parent}\n{text}\n\n{number} {'ü' * 100_000}\n\nmore\n"
        flags = ("-t", "commit", "-w", "--stdin")
        parent = history.git(one, "hash-object", *flags, stdin=body.encode()).decode().strip()
    history.git(one, "update-ref", "refs/heads/main", parent)
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({parent}), ("one",))
    (found,) = archive.ancestry(WIDGET, ((parent, base),))
    assert (found.count, len(found.dropped)) == (ANCESTRY_COMMITS + 5, ANCESTRY_COMMITS)
    assert found.dropped[0].oid == parent
    assert all(150 < len(commit.subject) <= 200 for commit in found.dropped)


def test_what_is_not_here_or_no_commit_is_not_known(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    tree = parse(origin, f"{main}^{{tree}}")
    archive = yard.archive()
    pairs = ((main, "1" * 40), ("1" * 40, main), (main, tree), (main, main))
    assert [found.forward for found in archive.ancestry(WIDGET, pairs)] == [None] * 4
    offer(yard, origin, "one", "refs/heads/main")
    archive.gather(WIDGET, frozenset({main}), ("one",))
    assert [found.forward for found in archive.ancestry(WIDGET, pairs)] == [None] * 3 + [True]
    assert archive.ancestry(WIDGET, ()) == ()


def test_a_damaged_commit_is_not_known_and_heals(yard: Yard, origin: Path) -> None:
    """Beside another run, a question changes nothing; under the run lock, it mends."""
    main = tips(origin)["refs/heads/main"]
    older = parse(origin, f"{main}~1")
    offer(yard, origin, "one", "refs/heads/main")
    yard.archive().gather(WIDGET, frozenset({main}), ("one",))
    loosen(yard.repository())
    zero(loose(yard.repository(), parse(origin, f"{main}~3")))
    pairs = ((older, main), (main, older))
    assert all(a.forward is not False for a in yard.archive().ancestry(WIDGET, pairs))
    assert yard.repository().exists()
    archive = yard.archive()
    archive.repair()
    archive.ancestry(WIDGET, pairs)
    archive.gather(WIDGET, frozenset({main}), ("one",))
    assert [a.forward for a in archive.ancestry(WIDGET, pairs)] == [True, False]


def test_a_kept_tip_outlives_its_branch(yard: Yard, origin: Path) -> None:
    one = offer(yard, origin, "one", "refs/heads/main")
    old = tips(one)["refs/heads/main"]
    archive = yard.archive()
    archive.keep(WIDGET, old, ("one",))
    new = history.extend(one, 7, start=f"{old}~1")
    assert tips(one)["refs/heads/main"] == new
    archive.gather(WIDGET, frozenset({new}), ("one",))
    assert archive.holds(WIDGET, frozenset({old, new})) == {old, new}
    refs = history.git(yard.repository(), "for-each-ref", "--format=%(refname)").decode().split()
    assert refs == sorted(f"refs/archive/{oid}" for oid in (old, new))


def test_what_only_a_newer_tip_holds_is_kept_by_itself(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    older = parse(origin, f"{main}~2")
    offer(yard, origin, "one", "refs/heads/main")
    archive = yard.archive()
    archive.gather(WIDGET, frozenset({main}), ("one",))
    archive.keep(WIDGET, older, ())
    history.git(yard.repository(), "rev-parse", "--verify", f"refs/archive/{older}")
