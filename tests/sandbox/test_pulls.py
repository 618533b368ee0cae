"""Pull requests and refs/nostr/<event id>: both orders, placeholders, mismatches."""

from __future__ import annotations

import pytest

from reconciler.nostr import kinds
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.servers import ALICE, BOB, MALLORY, NOW, hosted, publish, remote_refs, served

from .conftest import Starter


@pytest.fixture(params=["spec", "ngit-grasp"])
def either(starter: Starter, request: pytest.FixtureRequest) -> RunningServer:
    return starter(family=request.param)


def waiting(commit: str) -> tuple[bool, str]:
    return True, f"purgatory: PR event stored, waiting for git push with commit {commit}"


def test_a_pull_request_waits_for_its_push(either: RunningServer, work: Work) -> None:
    base = hosted(either, work, ALICE, "widget")
    tip, other = work.commit("pr", base), work.commit("other", base)
    pull = MALLORY.pull(ALICE, "widget", tip)
    name = f"refs/nostr/{pull.id}"
    assert publish(either, pull, pull) == [waiting(tip), (True, "duplicate: in purgatory")]
    assert served(either, kinds=[kinds.PULL_REQUEST]) == []
    assert not work.push(either, ALICE, "widget", f"{other}:{name}")
    assert work.push(either, ALICE, "widget", f"{tip}:{name}")
    assert served(either, kinds=[kinds.PULL_REQUEST]) == [pull.id]
    assert not work.push(either, ALICE, "widget", f"+{other}:{name}")
    assert not work.push(either, ALICE, "widget", f":{name}")
    assert remote_refs(either, ALICE, "widget")[name] == tip


def test_a_pulls_push_may_come_before_its_event(either: RunningServer, work: Work) -> None:
    base = hosted(either, work, ALICE, "widget")
    tip = work.commit("pr", base)
    pull = MALLORY.pull(ALICE, "widget", tip)
    assert work.push(either, ALICE, "widget", f"{tip}:refs/nostr/{pull.id}")
    assert publish(either, pull) == [(True, "")]
    assert remote_refs(either, ALICE, "widget")[f"refs/nostr/{pull.id}"] == tip


def test_push_first_with_another_commit(either: RunningServer, work: Work) -> None:
    base = hosted(either, work, ALICE, "widget")
    tip, wrong = work.commit("pr", base), work.commit("wrong", base)
    pull = MALLORY.pull(ALICE, "widget", tip)
    name = f"refs/nostr/{pull.id}"
    assert work.push(either, ALICE, "widget", f"{wrong}:{name}")
    assert publish(either, pull) == [waiting(tip)]
    assert name not in remote_refs(either, ALICE, "widget")
    assert work.push(either, ALICE, "widget", f"{tip}:{name}")
    assert served(either, ids=[pull.id]) == [pull.id]


def test_commit_already_here_makes_the_ref(either: RunningServer, work: Work) -> None:
    base = hosted(either, work, ALICE, "widget", BOB)
    bob = BOB.announce(either, "widget", ALICE)
    publish(either, bob)
    pull = MALLORY.pull(ALICE, "widget", base)
    assert publish(either, pull) == [(True, "")]
    for owner in (ALICE, BOB):  # both, since they share maintainers
        assert remote_refs(either, owner, "widget")[f"refs/nostr/{pull.id}"] == base


def test_event_needs_a_commit_and_a_served_repository(either: RunningServer, work: Work) -> None:
    publish(either, ALICE.announce(either, "other"))
    base = hosted(either, work, ALICE, "widget")
    address = f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"
    bare = MALLORY.sign(kinds.PULL_REQUEST, ("a", address))
    assert publish(either, bare, MALLORY.pull(ALICE, "other", base)) == [
        (False, f"Failed to check git data: PR event {bare.id} has no 'c' tag"),
        (False, "PR event must reference an accepted repository or accepted event"),
    ]


def test_update_goes_by_the_same_rules(server: RunningServer, work: Work) -> None:
    base = hosted(server, work, ALICE, "widget")
    tip = work.commit("pr", base)
    pull = MALLORY.pull(ALICE, "widget", base)
    update = MALLORY.sign(
        kinds.PULL_REQUEST_UPDATE, *pull.tags[:1], ("E", pull.id), ("c", tip), at=NOW + 1
    )
    assert publish(server, pull, update) == [(True, ""), waiting(tip)]
    assert work.push(server, ALICE, "widget", f"{tip}:refs/nostr/{update.id}")
    assert served(server, kinds=[kinds.PULL_REQUEST_UPDATE]) == [update.id]


@pytest.mark.parametrize(("family", "stays"), [("spec", False), ("ngit-grasp", True)])
def test_placeholder_without_event_expires(
    starter: Starter, work: Work, clock: Clock, family: str, stays: bool
) -> None:
    server = starter(family=family)
    tip = work.commit("pr", hosted(server, work, ALICE, "widget"))
    name = f"refs/nostr/{'c' * 64}"
    assert work.push(server, ALICE, "widget", f"{tip}:{name}")
    clock.advance(1100)
    assert name in remote_refs(server, ALICE, "widget")
    clock.advance(800)
    assert (name in remote_refs(server, ALICE, "widget")) is stays


def test_placeholder_may_be_deleted_by_push(server: RunningServer, work: Work) -> None:
    tip = work.commit("pr", hosted(server, work, ALICE, "widget"))
    name = f"refs/nostr/{'c' * 64}"
    assert work.push(server, ALICE, "widget", f"{tip}:{name}")
    assert work.push(server, ALICE, "widget", f":{name}")
    assert name not in remote_refs(server, ALICE, "widget")
