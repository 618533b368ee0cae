"""Who may push what, with the real git as the client, in both families."""

from __future__ import annotations

import pytest
import requests

from reconciler.git import pktline, receive_pack
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import urls
from reconciler.sandbox.server import RunningServer
from tests.kit.git import ZERO, Work
from tests.kit.servers import ALICE, BOB, CAROL, MALLORY, NOW, PARKED, hosted, publish, remote_refs

from .conftest import Starter

MAIN, DEV, TAG = "refs/heads/main", "refs/heads/dev", "refs/tags/v1"


def raw_push(server: RunningServer, *updates: RefUpdate, pack: bytes = b"") -> requests.Response:
    url = urls.clone(server.url, ALICE.pubkey, "widget") + "/git-receive-pack"
    body = receive_pack.request_head(updates, frozenset({"report-status"})) + pack
    return requests.post(url, data=body, timeout=10)


def reason(answer: requests.Response) -> str:
    (packet,) = pktline.parse_all(answer.content)
    assert answer.status_code == 200
    assert isinstance(packet, bytes)
    assert packet.startswith(b"ERR authorisation failed: ")
    return packet.decode().removeprefix("ERR authorisation failed: ")


@pytest.mark.parametrize("family", ["spec", "ngit-grasp"])
def test_wrong_commit_is_refused_and_leaves_nothing(
    starter: Starter, work: Work, family: str
) -> None:
    server = starter(family=family)
    right, wrong = work.commit("right"), work.commit("wrong")
    publish(server, ALICE.announce(server, "widget"), ALICE.state("widget", {MAIN: right}))
    assert not work.push(server, ALICE, "widget", f"{wrong}:{MAIN}")
    assert not work.push(server, ALICE, "widget", f"{right}:{DEV}")
    assert remote_refs(server, ALICE, "widget") == {}
    objects = server.repo_path(ALICE.pubkey, "widget") / "objects"
    assert not [f for f in objects.rglob("*") if f.is_file()]
    assert work.push(server, ALICE, "widget", f"{right}:{MAIN}")
    counters = server.counters.snapshot()
    assert counters["pushes_received"] == 3
    assert (counters["pushes_refused"], counters["pushes_authorised"]) == (2, 1)


def test_reasons_of_ngit_grasp(server: RunningServer, work: Work) -> None:
    commit = work.commit("x")
    update = RefUpdate(MAIN, ZERO, commit)
    assert raw_push(server, update).status_code == 404  # nothing announced
    publish(server, ALICE.announce(server, "widget"), BOB.announce(server, "widget"))
    assert reason(raw_push(server, update)) == "No state events in purgatory"
    publish(server, BOB.state("widget", {MAIN: commit}))
    assert reason(raw_push(server, update)) == (
        "1 state event in purgatory but none from authorized publishers"
    )
    publish(server, ALICE.state("widget", {MAIN: commit, TAG: commit}))
    assert reason(raw_push(server, update)) == (
        "1 state event in purgatory from authorized publisher but doesn't match push"
        f" ({TAG} missing (state declares {commit}))"
    )


def test_state_of_a_maintainer_authorises(server: RunningServer, work: Work) -> None:
    commit = hosted(server, work, ALICE, "widget", BOB)
    second = work.commit("second", commit)
    assert publish(server, BOB.state("widget", {MAIN: second}, at=NOW + 1)) == [(True, PARKED)]
    assert work.push(server, ALICE, "widget", f"{second}:{MAIN}")
    assert remote_refs(server, ALICE, "widget")[MAIN] == second


def test_ngit_grasp_wants_the_whole_state_in_one_push(server: RunningServer, work: Work) -> None:
    one, two = work.commit("one"), work.commit("two")
    publish(server, ALICE.announce(server, "widget"))
    publish(server, ALICE.state("widget", {MAIN: one, DEV: two}))
    assert not work.push(server, ALICE, "widget", f"{one}:{MAIN}")
    assert work.push(server, ALICE, "widget", f"{one}:{MAIN}", f"{two}:{DEV}")


def test_spec_takes_a_state_in_parts_and_serves_it_when_whole(starter: Starter, work: Work) -> None:
    server = starter(family="spec")
    one, two = work.commit("one"), work.commit("two")
    state = ALICE.state("widget", {MAIN: one, DEV: two})
    publish(server, ALICE.announce(server, "widget"), state)
    assert work.push(server, ALICE, "widget", f"{one}:{MAIN}")
    assert publish(server, state) == [(True, "duplicate: in purgatory")]
    assert work.push(server, ALICE, "widget", f"{two}:{DEV}")
    assert publish(server, state) == [(True, "duplicate: already have this event")]


def test_ngit_grasp_stored_state_authorises_nothing_but_no_ops(
    server: RunningServer, work: Work
) -> None:
    commit = hosted(server, work, ALICE, "widget")
    assert reason(raw_push(server, RefUpdate(DEV, ZERO, commit))) == "No state events in purgatory"
    answer = raw_push(server, RefUpdate(MAIN, commit, commit))
    assert not answer.content.startswith(b"ERR")
    assert server.counters.snapshot()["pushes_authorised"] == 2


def test_spec_stored_state_repairs_lost_refs(starter: Starter, work: Work) -> None:
    server = starter(family="spec")
    commit = hosted(server, work, ALICE, "widget")
    path = server.repo_path(ALICE.pubkey, "widget")
    Work(path).git("update-ref", "-d", MAIN)
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")
    assert remote_refs(server, ALICE, "widget")[MAIN] == commit


@pytest.mark.parametrize(("family", "works"), [("spec", True), ("ngit-grasp", False)])
def test_branch_delete_together_with_new_objects(
    starter: Starter, work: Work, family: str, works: bool
) -> None:
    server = starter(family=family)
    commit = work.commit("one")
    publish(server, ALICE.announce(server, "widget"))
    publish(server, ALICE.state("widget", {MAIN: commit, DEV: commit}))
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}", f"{commit}:{DEV}")
    second = work.commit("two", commit)
    publish(server, ALICE.state("widget", {MAIN: second}, at=NOW + 1))
    assert work.push(server, ALICE, "widget", f"{second}:{MAIN}", f":{DEV}") is works
    assert (DEV in remote_refs(server, ALICE, "widget")) is not works


def test_ngit_grasp_words_for_a_branch_delete(server: RunningServer, work: Work) -> None:
    commit = work.commit("one")
    publish(server, ALICE.announce(server, "widget"))
    publish(server, ALICE.state("widget", {MAIN: commit, DEV: commit}))
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}", f"{commit}:{DEV}")
    second = work.commit("two", commit)
    publish(server, ALICE.state("widget", {MAIN: second}, at=NOW + 1))
    answer = raw_push(server, RefUpdate(DEV, commit, ZERO), RefUpdate(MAIN, commit, second))
    assert reason(answer) == (
        "Ref validation failed: Branch dev push rejected: not announced in state event"
    )


def test_tag_delete_is_allowed_and_force_pushes_too(server: RunningServer, work: Work) -> None:
    commit = work.commit("one")
    publish(server, ALICE.announce(server, "widget"))
    publish(server, ALICE.state("widget", {MAIN: commit, TAG: commit}))
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}", f"{commit}:{TAG}")
    rewritten = work.commit("rewritten")
    publish(server, ALICE.state("widget", {MAIN: rewritten}, at=NOW + 1))
    assert not work.push(server, ALICE, "widget", f"{rewritten}:{MAIN}", f":{TAG}")  # no force
    assert work.push(server, ALICE, "widget", f"+{rewritten}:{MAIN}", f":{TAG}")
    assert set(remote_refs(server, ALICE, "widget")) == {"HEAD", MAIN}


def test_spec_refuses_other_namespaces(starter: Starter, work: Work) -> None:
    server = starter(family="spec")
    commit = hosted(server, work, ALICE, "widget")
    assert not work.push(server, ALICE, "widget", f"{commit}:refs/notes/x")
    assert not work.push(server, ALICE, "widget", f"{commit}:refs/nostr/short")


def test_annotated_tags_move_whole(server: RunningServer, work: Work) -> None:
    commit = work.commit("one")
    work.git("tag", "-a", "-m", "t", "v1", commit)
    tag = work.git("rev-parse", TAG)
    state = ALICE.state("widget", {MAIN: commit, TAG: tag, f"{TAG}^{{}}": commit})
    publish(server, ALICE.announce(server, "widget"), state)
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}", TAG)
    assert remote_refs(server, ALICE, "widget")[TAG] == tag


def test_strangers_own_announcement_gives_no_way_into_alices_repository(
    server: RunningServer, work: Work
) -> None:
    commit = hosted(server, work, ALICE, "widget", BOB)
    evil = work.commit("evil", commit)
    publish(server, MALLORY.announce(server, "widget", ALICE, BOB, CAROL))
    publish(server, MALLORY.state("widget", {MAIN: evil}, at=NOW + 5))
    assert not work.push(server, ALICE, "widget", f"{evil}:{MAIN}")
    assert remote_refs(server, ALICE, "widget")[MAIN] == commit
    assert work.push(server, MALLORY, "widget", f"{evil}:{MAIN}")
    assert remote_refs(server, ALICE, "widget")[MAIN] == commit
