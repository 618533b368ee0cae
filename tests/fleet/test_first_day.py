"""The first day: nothing wrong is signed, pushed, hidden or lost; judged by git."""

from __future__ import annotations

import shutil
from pathlib import Path

from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.nostr.urls import host
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.faults import Aim
from tests.kit.program import DAY, Case, newest

MAIN = "refs/heads/main"


def head_of(case: Case, name: str, identifier: str) -> str:
    """Which branch HEAD names, as `git ls-remote --symref` sees it."""
    coordinate = Coordinate(case.owner.pubkey, identifier)
    url = f"{case.servers[name].url}/{case.owner.npub}/{coordinate.identifier}.git"
    told = history.git(None, "ls-remote", "--symref", url, "HEAD").decode()
    return told.split()[1]


def archived(case: Case) -> list[Path]:
    """The repositories of the archive."""
    return sorted(case.folder.glob("state/archive/repositories/*"))


def test_a_signature_waits_for_a_relay_that_only_the_announcement_names(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one"])
    coordinate = Coordinate(case.owner.pubkey, "widget")
    case.start("witness")
    place = case.servers.pop("witness")
    listed = [case.servers["one"].url, place.url]
    newer = authors.announce(case.owner, "widget", listed, at=case.now - 2 * DAY, root="0" * 40)
    history.send(case.servers["one"].url, [newer])
    newest_of_all = authors.announce(case.owner, "widget", listed, at=case.now - DAY, root="1" * 40)
    case.desired(signer=True)
    try:
        history.send(place.url, [newest_of_all])  # parked there: nobody can read it
        place.faults.set("ws-cut")
        held = case.reconcile("--apply", "--keys", case.folder / "keys")
        assert held.report["signatures"] == 0
        (finding,) = held.report["findings"]
        assert (finding["guard"], finding["hold"]) == ("announcement-unsure", True)
        assert 7 in held.report["exit_codes"]
        found = newest([case.servers["one"].url], kinds.ANNOUNCEMENT, coordinate)
        assert set(found.values()) == {newer.id}
        word = f"announcement-unsure@{held.report['plan_digest'][:16]}"
        lifted = case.reconcile("--apply", "--keys", case.folder / "keys", "--accept", word)
        assert lifted.report["signatures"] == 1
    finally:
        place.kill()


def test_nothing_is_signed_for_a_plain_relay(case: Case) -> None:
    case.start("one")
    case.start("relay", family="spec", grasp=False)
    case.repository("widget", on=["one"], listed=["one"])
    case.desired(signer=True)
    done = case.reconcile("--apply", "--keys", case.folder / "keys")
    assert [hold["reason"] for hold in done.report["holds"]] == ["not-a-grasp-server"]
    assert (done.code, done.report["signatures"]) == (7, 0)


def test_head_alone_is_followed_where_only_a_push_moves_it(case: Case) -> None:
    case.start("source", family="spec")
    case.start("one", "two", family="khatru")
    case.repository("widget", on=["source"])
    case.desired()
    assert case.reconcile("--apply").code == 0
    refs = history.refs(case.sources["widget"])
    other = next(name for name in refs if name.startswith("refs/heads/") and name != MAIN)
    tags = (("d", "widget"), *sorted(refs.items()), ("HEAD", f"ref: {other}"))
    state = case.owner.sign(kinds.STATE, tags, at=case.now - DAY)
    history.send(case.servers["source"].url, [state])
    assert {head_of(case, n, "widget") for n in ("one", "two")} == {MAIN}
    done = case.reconcile("--apply")
    assert (done.code, {head_of(case, n, "widget") for n in case.servers}) == (0, {other})
    assert case.reconcile("--apply").report["planned"] == 0


def test_a_repository_that_every_server_lost_is_an_alarm(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired()
    assert case.reconcile("--apply").code == 0
    for server in case.servers.values():
        server.faults.set("lost-database")
    done = case.reconcile("--apply")
    assert (done.code, [hold["reason"] for hold in done.report["holds"]]) == (
        8,
        ["repository-vanished"],
    )
    assert case.reconcile("--plan").code == 8


def test_a_rolled_back_state_moves_nothing_back(case: Case) -> None:
    case.start("one", "two", family="spec")
    case.repository("widget", on=["one", "two"])
    old = case.host("widget", None, [], at=case.now - 8 * DAY)
    history.extend(case.sources["widget"], 7)
    case.host("widget", None, ["one", "two"], at=case.now - DAY)
    case.desired()
    assert case.reconcile("--apply").code == 0
    after = case.refs("one", "widget")
    for server in case.servers.values():
        announcement = server.events(Filter(kinds=(kinds.ANNOUNCEMENT,)))
        server.faults.set("lost-database")
        server.faults.clear()
        for event in (*announcement, old):
            server.seed(event)
    done = case.reconcile("--apply")
    assert [hold["reason"] for hold in done.report["holds"]] == ["state-vanished"]
    assert {n: case.refs(n, "widget") == after for n in case.servers} == dict.fromkeys(
        case.servers, True
    )


def test_a_forced_update_is_called_one_and_what_it_drops_is_kept(case: Case) -> None:
    case.start("one", "two", family="spec")
    case.repository("widget", on=["one", "two"])
    source = case.sources["widget"]
    before = history.refs(source)
    lost = history.extend(source, 9)
    gone = history.extend(source, 11, "gone", start=before[MAIN])
    case.host("widget", None, ["two"], at=case.now - 3 * DAY)
    history.git(source, "update-ref", MAIN, before[MAIN])
    history.delete(source, "refs/heads/gone")
    case.host("widget", None, ["one"], at=case.now - DAY)
    case.desired()
    (case.folder / "state").mkdir(exist_ok=True)
    plan = case.reconcile("--plan")
    said = " ".join(plan.out.split())
    assert f"forced update of refs/heads/main to {before[MAIN][:10]} on " in said
    assert f"(from {lost[:10]}, drops 1 commit)" in said
    assert lost[:10] in plan.out
    done = case.reconcile("--apply")
    assert done.code == 0
    moved = [update for outcome in done.report["outcomes"] for update in outcome["moved"]]
    assert {"name": MAIN, "old": lost, "new": before[MAIN]} in moved
    assert case.refs("two", "widget")[MAIN] == before[MAIN]
    (kept,) = archived(case)
    for oid in (lost, gone):
        assert history.git(kept, "cat-file", "-t", oid).strip() == b"commit"


def lose_objects(case: Case, server: str) -> None:
    """What a server lists it cannot give any more."""
    path = case.servers[server].repo_path(case.owner.pubkey, "widget")
    for folder in (path / "objects").glob("??"):
        shutil.rmtree(folder)
    for pack in (path / "objects" / "pack").glob("*"):
        pack.unlink()


def test_a_server_that_should_have_given_objects_is_told_beside_its_own_name(case: Case) -> None:
    case.start("one", "two", "new", family="spec")
    case.repository("widget", on=["one", "two"])
    case.desired("  verify: {deep: 0}\n")
    bad = min("one", "two", key=lambda name: case.servers[name].url)
    lose_objects(case, bad)
    done = case.reconcile("--apply")
    url = case.servers[bad].url
    assert (done.code, case.refs("new", "widget")) == (0, case.refs("one", "widget"))
    told = {b["server"] for outcome in done.report["outcomes"] for b in outcome["bad_sources"]}
    assert told == {url}
    assert done.recap(url)["detail"].startswith("no objects from it: ")
    assert f"? objects from {host(url)}: " in done.out + done.err


def test_refs_without_objects_are_hollow_and_not_in_sync(case: Case) -> None:
    case.start("one", "two", family="spec")
    case.repository("widget", on=["one", "two"])
    case.desired()
    assert case.reconcile("--apply", "--deep").code == 0
    lose_objects(case, "two")
    done = case.reconcile("--apply", "--deep")
    assert done.verdicts(case.servers["two"].url) == {"hollow"}
    assert done.verdicts(case.servers["one"].url) == {"in-sync"}
    assert (done.code, [hold["reason"] for hold in done.report["holds"]]) == (7, ["objects-gone"])


def test_a_push_that_is_always_refused_is_held_after_three_runs(case: Case) -> None:
    case.start("one", "two", family="spec")
    case.repository("widget", on=["one"])
    case.desired()
    case.servers["two"].faults.set("http-500", Aim(method="POST", path="git-receive-pack"))
    codes = [case.reconcile("--apply").code for _ in range(4)]
    assert codes == [3, 3, 3, 7]
