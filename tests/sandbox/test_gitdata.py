"""What follows from git data: release, alignment, and the coupling of owners."""

from __future__ import annotations

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer
from tests.kit.git import Work, git
from tests.kit.relay import Relay
from tests.kit.servers import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    PARKED,
    head,
    hosted,
    publish,
    remote_refs,
    served,
)

from .conftest import Starter

MAIN, DEV, TAG = "refs/heads/main", "refs/heads/dev", "refs/tags/v1"


@pytest.fixture(params=["spec", "ngit-grasp"])
def either(starter: Starter, request: pytest.FixtureRequest) -> RunningServer:
    return starter(family=request.param)


def test_rewind_delete_and_head_need_no_push(either: RunningServer, work: Work) -> None:
    first = work.commit("first")
    second = work.commit("second", first)
    publish(either, ALICE.announce(either, "widget"))
    publish(either, ALICE.state("widget", {MAIN: second, DEV: first, TAG: first}))
    specs = (f"{second}:{MAIN}", f"{first}:{DEV}", f"{first}:{TAG}")
    assert work.push(either, ALICE, "widget", *specs)

    rewound = ALICE.state("widget", {MAIN: first, "refs/heads/dev/x": second}, at=NOW + 1)
    assert publish(either, rewound) == [(True, "")]
    expected = {MAIN: first, "refs/heads/dev/x": second}
    assert remote_refs(either, ALICE, "widget") == expected | {"HEAD": first}

    moved = ALICE.state("widget", expected, head="dev/x", at=NOW + 2)
    assert publish(either, moved) == [(True, "")]
    assert head(either, ALICE, "widget") == "dev/x"
    assert served(either, kinds=[kinds.STATE]) == [moved.id]
    assert either.counters.snapshot()["pushes_received"] == 1


def test_head_that_names_no_branch_of_the_state_stays(either: RunningServer, work: Work) -> None:
    commit = hosted(either, work, ALICE, "widget")
    state = ALICE.state("widget", {MAIN: commit, DEV: commit}, head="gone", at=NOW + 1)
    assert publish(either, state) == [(True, "")]
    assert head(either, ALICE, "widget") == "main"


def test_empty_state_empties_the_repository(server: RunningServer, work: Work) -> None:
    hosted(server, work, ALICE, "widget")
    assert publish(server, ALICE.state("widget", {}, at=NOW + 1)) == [(True, "")]
    assert remote_refs(server, ALICE, "widget") == {}


def test_older_state_is_answered_and_not_applied(server: RunningServer, work: Work) -> None:
    commit = hosted(server, work, ALICE, "widget")
    older = ALICE.state("widget", {DEV: commit}, at=NOW - 1)
    assert publish(server, older) == [(False, "error: unknown")]
    assert set(remote_refs(server, ALICE, "widget")) == {"HEAD", MAIN}


def test_owners_who_share_maintainers_are_aligned_together(
    either: RunningServer, work: Work
) -> None:
    first = hosted(either, work, ALICE, "widget", BOB)
    bob = BOB.announce(either, "widget", ALICE)
    carol = CAROL.announce(either, "widget")
    assert publish(either, bob, carol) == [(True, PARKED)] * 2
    second = work.commit("second", first)
    state = BOB.state("widget", {MAIN: second, DEV: first}, at=NOW + 1)
    assert publish(either, state) == [(True, PARKED)]

    assert work.push(either, ALICE, "widget", f"{second}:{MAIN}", f"{first}:{DEV}")

    refs = {MAIN: second, DEV: first, "HEAD": second}
    assert remote_refs(either, ALICE, "widget") == refs
    assert remote_refs(either, BOB, "widget") == refs
    assert remote_refs(either, CAROL, "widget") == {}
    found = served(either, kinds=[kinds.ANNOUNCEMENT])
    assert bob.id in found  # promoted: its data was copied
    assert carol.id not in found


def test_a_fork_supplies_the_objects(server: RunningServer, work: Work) -> None:
    commit = hosted(server, work, CAROL, "widget")
    mine = ALICE.announce(server, "widget")
    assert publish(server, mine) == [(True, PARKED)]
    assert publish(server, ALICE.state("widget", {MAIN: commit})) == [(True, "")]
    assert remote_refs(server, ALICE, "widget")[MAIN] == commit
    assert mine.id in served(server)


def test_older_maintainers_state_is_stored_without_alignment(
    server: RunningServer, work: Work
) -> None:
    commit = hosted(server, work, ALICE, "widget", BOB)
    old = BOB.state("widget", {DEV: commit}, at=NOW - 50)
    assert publish(server, old) == [(True, "")]
    assert old.id in served(server, kinds=[kinds.STATE])
    assert DEV not in remote_refs(server, ALICE, "widget")


@pytest.mark.parametrize(("family", "lowest"), [("spec", True), ("ngit-grasp", False)])
def test_ties_between_maintainers_go_by_the_familys_rule(
    starter: Starter, work: Work, family: str, lowest: bool
) -> None:
    server = starter(family=family)
    commit = hosted(server, work, ALICE, "widget", BOB)
    one = ALICE.state("widget", {MAIN: commit, "refs/heads/of-alice": commit}, at=NOW + 1)
    two = BOB.state("widget", {MAIN: commit, "refs/heads/of-bob": commit}, at=NOW + 1)
    assert publish(server, one, two) == [(True, "")] * 2
    winner = (min if lowest else max)(one, two, key=lambda e: e.id)
    wanted = {tag[0] for tag in winner.tags if tag[0].startswith("refs/")} | {"HEAD"}
    assert set(remote_refs(server, ALICE, "widget")) == wanted


def test_several_waiting_states_are_released_oldest_first(
    server: RunningServer, work: Work
) -> None:
    first = hosted(server, work, ALICE, "widget", BOB)
    second = work.commit("second", first)
    third = work.commit("third", second)
    newest = ALICE.state("widget", {MAIN: second}, at=NOW + 3)
    middle = BOB.state("widget", {MAIN: second, DEV: second}, at=NOW + 2)
    other = ALICE.state("widget", {MAIN: third}, at=NOW + 1)
    assert publish(server, newest, middle, other) == [(True, PARKED)] * 3
    with Relay(server.relay_url) as live:
        live.send("REQ", "live", {"kinds": [kinds.STATE], "since": NOW + 1})
        assert live.receive() == ["EOSE", "live"]
        assert work.push(server, ALICE, "widget", f"{second}:{MAIN}", f"{second}:{DEV}")
        assert [live.receive()[2]["id"] for _ in range(2)] == [middle.id, newest.id]
    assert set(remote_refs(server, ALICE, "widget")) == {"HEAD", MAIN}
    assert publish(server, other) == [(True, "duplicate: in purgatory")]


def test_any_push_releases_what_its_objects_complete(server: RunningServer, work: Work) -> None:
    """The way out of the branch-delete dead end: seed the objects through refs/nostr."""
    first = hosted(server, work, ALICE, "widget")
    publish(server, ALICE.state("widget", {MAIN: first, DEV: first}, at=NOW + 1))
    second = work.commit("second", first)
    stuck = ALICE.state("widget", {MAIN: second}, at=NOW + 2)
    assert publish(server, stuck) == [(True, PARKED)]
    assert work.push(server, ALICE, "widget", f"{second}:refs/nostr/{'a' * 64}")
    assert server.events(Filter(ids=(stuck.id,))) == (stuck,)
    refs = remote_refs(server, ALICE, "widget")
    assert refs[MAIN] == second
    assert DEV not in refs


def test_state_whose_author_lost_authority_is_not_released(
    server: RunningServer, work: Work
) -> None:
    first = hosted(server, work, ALICE, "widget", BOB)
    second = work.commit("second", first)
    state = BOB.state("widget", {MAIN: second}, at=NOW + 1)
    publish(server, state, ALICE.announce(server, "widget", at=NOW + 1))
    assert not work.push(server, ALICE, "widget", f"{second}:{MAIN}")
    assert work.push(server, ALICE, "widget", f"{second}:refs/nostr/{'a' * 64}")
    assert remote_refs(server, ALICE, "widget")[MAIN] == first
    assert state.id not in served(server)


def test_spec_realigns_after_a_push(starter: Starter, work: Work) -> None:
    server = starter(family="spec")
    commit = hosted(server, work, ALICE, "widget")
    path = server.repo_path(ALICE.pubkey, "widget")
    git("update-ref", "refs/heads/stray", commit, cwd=path)
    assert work.push(server, ALICE, "widget", f"{commit}:refs/nostr/{'b' * 64}")
    assert "refs/heads/stray" not in remote_refs(server, ALICE, "widget")


def test_spec_realigns_to_the_newest_of_several_maintainers(starter: Starter, work: Work) -> None:
    server = starter(family="spec")
    commit = hosted(server, work, ALICE, "widget", BOB, CAROL)
    for number, person in enumerate((CAROL, ALICE, BOB)):
        refs = {MAIN: commit, f"refs/heads/by-{person.name}": commit}
        publish(server, person.state("widget", refs, at=NOW + 1 + number))
    path = server.repo_path(ALICE.pubkey, "widget")
    git("update-ref", "-d", "refs/heads/by-bob", cwd=path)
    assert work.push(server, ALICE, "widget", f"{commit}:refs/nostr/{'b' * 64}")
    assert set(remote_refs(server, ALICE, "widget")) > {MAIN, "refs/heads/by-bob"}
    assert "refs/heads/by-carol" not in remote_refs(server, ALICE, "widget")


def test_clashing_and_impossible_refs_are_left_out(server: RunningServer, work: Work) -> None:
    commit = hosted(server, work, ALICE, "widget")
    tree = work.git("rev-parse", f"{commit}^{{tree}}")
    refs = {MAIN: commit, "refs/heads/a": commit, "refs/heads/a/b": commit, DEV: tree}
    state = ALICE.state("widget", refs, at=NOW + 1)
    assert publish(server, state) == [(True, "")]
    found = set(remote_refs(server, ALICE, "widget"))
    assert MAIN in found
    assert DEV not in found  # a tree is no commit
    assert len(found & {"refs/heads/a", "refs/heads/a/b"}) == 1
