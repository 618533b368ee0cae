"""From a plain git host to every server: announced, stated, pushed, and kept there; judged by git
and nostr-sdk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.nostr import kinds, urls
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.faults import Aim
from tests.kit.git import backend
from tests.kit.program import DAY, Case, Result, newest

MAIN = "refs/heads/main"
FAMILIES = {"one": "ngit-grasp", "two": "spec", "three": "ngit-relay", "four": "khatru"}


@dataclass
class Origin:
    """A repository on a plain git host, and the fleet that is to hold it."""

    case: Case
    url: str
    path: Path
    rule: str = ""
    tries: int = 0

    @property
    def coordinate(self) -> Coordinate:
        return Coordinate(self.case.owner.pubkey, "widget")

    def reconcile(self, *args: str | Path, **env: str) -> Result:
        """Call the program with a desired state that names the source."""
        more = f"repositories:\n  alice/widget:\n    source: {self.url}\n    states: adopt\n"
        self.case.desired(more + self.rule, signer=True)
        return self.case.reconcile(*args, **env)

    def apply(self, *args: str | Path) -> Result:
        return self.reconcile("--apply", "--keys", self.case.folder / "keys", *args)

    def clones(self) -> dict[str, dict[str, str]]:
        """What `git clone` brings from each server: branches, tags and what HEAD names."""
        found = {}
        self.tries += 1
        for name, server in self.case.servers.items():
            folder = self.case.folder / "clones" / f"{name}-{self.tries}"
            clone = urls.clone(server.url, self.coordinate.owner, "widget")
            history.git(None, "clone", "--mirror", "--quiet", clone, str(folder))
            head = history.git(folder, "symbolic-ref", "HEAD").decode().strip()
            found[name] = history.refs(folder) | {"HEAD": head}
        return found

    def wanted(self) -> dict[str, dict[str, str]]:
        """What all of them should bring."""
        head = history.git(self.path, "symbolic-ref", "HEAD").decode().strip()
        refs = history.refs(self.path) | {"HEAD": head}
        return dict.fromkeys(self.case.servers, refs)

    def tip(self, name: str = MAIN) -> str:
        """Where the source is."""
        return history.refs(self.path)[name]


@pytest.fixture
def origin(case: Case, tmp_path: Path) -> Iterator[Origin]:
    root = tmp_path / "host"
    path = history.create(root / "widget.git", 5)
    with backend(root) as url:
        yield Origin(case, f"{url}/widget.git", path)


def holds(done: Result) -> list[str]:
    return [hold["reason"] for hold in done.report["holds"]]


def counts(done: Result) -> tuple[int, ...]:
    report: dict[str, Any] = done.report
    return (report["signatures"], report["events_sent"], report["pushes_sent"])


def test_a_new_owner_needs_a_source_and_a_signer(origin: Origin) -> None:
    for name, dialect in FAMILIES.items():
        origin.case.start(name, family=dialect)
    planned = origin.reconcile("--plan", "-v")
    assert "1 first announcement with the key" in planned.out
    assert planned.code == 0
    done = origin.apply()
    assert done.code == 0, done.out + done.err
    assert origin.clones() == origin.wanted()
    servers = [server.url for server in origin.case.servers.values()]
    for kind in (kinds.ANNOUNCEMENT, kinds.STATE):
        assert len(set(newest(servers, kind, origin.coordinate).values())) == 1
    again = origin.apply()
    assert (again.code, again.report["planned"], counts(again)) == (0, 0, (0, 0, 0))


def test_a_commit_on_the_source_moves_every_server_once(origin: Origin) -> None:
    origin.case.start("one")
    origin.case.start("two", family="khatru")
    assert origin.apply().code == 0
    history.extend(origin.path, 1)
    history.extend(origin.path, 2, "topic")
    done = origin.apply()
    assert (done.code, counts(done)) == (0, (1, 2, 2))
    assert origin.clones() == origin.wanted()
    assert origin.apply().report["planned"] == 0


def test_head_moves_with_the_source(origin: Origin) -> None:
    origin.case.start("one")
    origin.case.start("two", family="ngit-relay")
    assert origin.apply().code == 0
    history.git(origin.path, "symbolic-ref", "HEAD", "refs/heads/feature/search")
    done = origin.apply()
    assert (done.code, done.report["signatures"]) == (0, 1)
    assert origin.clones() == origin.wanted()


def test_a_forced_push_on_the_source_is_held_by_name_and_the_rest_goes_on(origin: Origin) -> None:
    origin.case.start("one")
    origin.case.start("two", family="spec")
    assert origin.apply().code == 0
    before = origin.tip()
    forced = history.extend(origin.path, 9, start=f"{before}^1")
    history.extend(origin.path, 2, "topic")
    held = origin.apply()
    assert (held.code, holds(held)) == (7, ["source-diverged"])
    detail = held.report["holds"][0]["detail"]
    assert MAIN in detail
    assert forced in detail
    shown = origin.clones()
    assert {refs[MAIN] for refs in shown.values()} == {before}
    assert {refs["refs/heads/topic"] for refs in shown.values()} == {origin.tip("refs/heads/topic")}
    assert origin.apply().report["planned"] == 0
    origin.rule = f"    rewrites: [{forced}]\n"
    done = origin.apply()
    assert (done.code, holds(done)) == (0, [])
    assert origin.clones() == origin.wanted()


def test_a_branch_that_went_unmerged_stays_until_it_is_named(origin: Origin) -> None:
    origin.case.start("one", family="khatru")
    assert origin.apply().code == 0
    only = history.extend(origin.path, 3, "topic")
    assert origin.apply().code == 0
    history.delete(origin.path, "refs/heads/topic")
    history.delete(origin.path, "refs/heads/feature/search")  # this one was merged
    done = origin.apply()
    assert (done.code, holds(done)) == (7, ["source-diverged"])
    refs = origin.clones()["one"]
    assert refs["refs/heads/topic"] == only
    assert "refs/heads/feature/search" not in refs
    origin.rule = "    rewrites: all\n"
    assert origin.apply().code == 0
    assert origin.clones() == origin.wanted()


def test_what_went_goes_after_what_is_new_where_a_family_takes_one_thing(origin: Origin) -> None:
    origin.case.start("one")
    origin.case.start("two", family="khatru")
    assert origin.apply().code == 0
    history.delete(origin.path, "refs/heads/feature/search")
    history.extend(origin.path, 4)
    done = origin.apply()
    assert (done.code, holds(done)) == (0, ["next-state"])
    both = origin.clones()["one"]
    assert both[MAIN] == origin.tip()
    assert "refs/heads/feature/search" in both
    done = origin.apply()
    assert (done.code, done.report["signatures"]) == (0, 1)
    assert origin.clones() == origin.wanted()
    assert origin.apply().report["planned"] == 0


def test_a_source_that_answers_nothing_or_lists_nothing_changes_nothing(origin: Origin) -> None:
    origin.case.start("one")
    assert origin.apply().code == 0
    before = origin.clones()
    away = origin.path.rename(origin.path.with_name("away.git"))
    done = origin.apply()
    assert (done.code, holds(done), done.report["planned"]) == (6, ["source-unread"], 0)
    history.git(None, "init", "--bare", "--quiet", "--template=", str(origin.path))
    done = origin.apply()
    assert (done.code, holds(done), done.report["planned"]) == (6, ["source-unread"], 0)
    assert origin.clones() == before
    shutil.rmtree(origin.path)
    away.rename(origin.path)
    assert origin.apply().code == 0


def test_objects_that_the_source_cannot_give_are_never_signed(origin: Origin) -> None:
    origin.case.start("one")
    blob = history.git(origin.path, "rev-parse", "HEAD^{tree}:").decode().strip()
    (origin.path / "objects" / blob[:2] / blob[2:]).unlink()
    done = origin.apply()
    assert (done.code, holds(done), counts(done)) == (6, ["source-unread"], (0, 0, 0))


def test_what_nobody_showed_is_not_signed_again(origin: Origin) -> None:
    origin.case.start("one")
    origin.case.servers["one"].faults.set("http-500", Aim(method="POST", path="receive-pack"))
    first = origin.apply()
    assert (first.code, first.report["signatures"]) == (3, 2)
    origin.case.servers["one"].faults.clear()
    done = origin.apply()
    assert (done.code, done.report["signatures"]) == (0, 0)
    assert origin.clones() == origin.wanted()


def test_a_server_that_lost_its_refs_gets_a_state_that_says_the_same(origin: Origin) -> None:
    case = origin.case
    case.start("one", "two")
    case.sources["widget"] = origin.path
    places = [server.url for server in case.servers.values()]
    root = history.git(origin.path, "rev-list", "--max-parents=0", MAIN).decode().strip()
    announced = authors.announce(case.owner, "widget", places, at=case.now - 9 * DAY, root=root)
    case.host("widget", announced, ["one", "two"], at=case.now - 8 * DAY)
    assert origin.apply().report["planned"] == 0
    lost = case.servers["two"].repo_path(case.owner.pubkey, "widget")
    for name in history.refs(lost):
        history.delete(lost, name)
    done = origin.apply()
    assert (done.code, done.report["signatures"]) == (0, 1)
    assert origin.clones() == origin.wanted()
    for name in history.refs(lost):
        history.delete(lost, name)
    again = origin.apply()  # not so soon
    assert (again.code, holds(again), again.report["signatures"]) == (7, ["needs-new-state"], 0)


def test_nothing_is_signed_while_a_place_is_silent(origin: Origin) -> None:
    origin.case.start("one", "two")
    origin.case.servers["two"].faults.set("ws-cut")
    done = origin.apply()
    assert done.report["signatures"] == 0
    assert {finding["guard"] for finding in done.report["findings"]} == {"announcement-unsure"}
    assert 7 in done.report["exit_codes"]


def test_a_repository_that_its_owner_deleted_is_not_announced_again(origin: Origin) -> None:
    origin.case.start("one", family="spec")
    assert origin.apply().code == 0
    address = ("a", str(origin.coordinate))
    gone = origin.case.owner.sign(kinds.DELETION, (address,), at=origin.case.now + 5)
    history.send(origin.case.servers["one"].url, [gone])
    done = origin.apply()
    assert (holds(done), done.report["signatures"]) == (["announcement-deleted"], 0)


def test_a_plain_relay_hears_of_a_state_only_when_a_server_took_it(origin: Origin) -> None:
    origin.case.start("one")
    origin.case.start("index", grasp=False, family="spec")
    index = origin.case.servers.pop("index")
    try:
        origin.rule = f"index_relays: [{index.relay_url}]\n"
        origin.case.servers["one"].faults.set("http-500", Aim(method="POST", path="receive-pack"))
        assert origin.apply().code == 3
        assert not index.events(Filter(kinds=(kinds.STATE, kinds.ANNOUNCEMENT)))
        origin.case.servers["one"].faults.clear()
        assert origin.apply().code == 0
        told = index.events(Filter(kinds=(kinds.STATE, kinds.ANNOUNCEMENT)))
        assert len(told) == 2
    finally:
        index.kill()
