"""What a GRASP server takes and refuses, in its own words (GRASP-01)."""

from __future__ import annotations

import pytest

from reconciler.nostr import kinds
from reconciler.sandbox.server import RunningServer
from tests.kit.git import Work
from tests.kit.servers import ALICE, BOB, CAROL, MALLORY, NOW, PARKED, hosted, publish, served

from .conftest import Starter

UNRELATED = (False, "Event event must reference an accepted repository or accepted event")


def unlisted(*parts: str) -> list[tuple[str, ...]]:
    return [(name, f"https://elsewhere.example/{name}") for name in parts]


@pytest.mark.parametrize("family", ["spec", "ngit-grasp"])
def test_announcement_must_list_the_service_twice(starter: Starter, family: str) -> None:
    server = starter(family=family)
    listed = ALICE.announce(server, "widget")
    clone, relays = listed.tags[1:3]
    for tags in (unlisted("clone", "relays"), [clone], [relays], [clone, *unlisted("relays")]):
        event = ALICE.sign(kinds.ANNOUNCEMENT, ("d", "widget"), *tags)
        ((accepted, message),) = publish(server, event)
        assert not accepted
        assert message.startswith(
            "Announcement must list service in both 'clone' and 'relays' tags"
        )
    assert publish(server, listed) == [(True, PARKED)]


def test_ngit_grasp_reads_hosts_as_text(starter: Starter) -> None:
    exact, loose = starter("exact", "spec"), starter("loose", "ngit-grasp")
    for server, accepted in ((exact, False), (loose, True)):
        domain = server.url.removeprefix("http://")
        tags = ("d", "w"), ("clone", f"https://{domain}/x"), ("relays", f"wss://x/?{domain}")
        assert publish(server, ALICE.sign(kinds.ANNOUNCEMENT, *tags))[0][0] is accepted


def test_ngit_grasp_refuses_two_clone_tags(server: RunningServer) -> None:
    event = ALICE.announce(server, "w", extra=(("clone", "https://b.example/x.git"),))
    assert publish(server, event)[0][1].startswith("Invalid announcement: multiple clone tags")


@pytest.mark.parametrize("identifier", ["", ".", "..", "a/b", "a\\b", "x" * 201])
def test_an_impossible_identifier_is_refused_with_its_reason(
    server: RunningServer, identifier: str
) -> None:
    ((accepted, message),) = publish(server, ALICE.announce(server, identifier))
    assert not accepted
    assert message.startswith("Invalid identifier: ")


@pytest.mark.parametrize(("family", "accepted"), [("spec", False), ("ngit-grasp", True)])
def test_newer_announcement_without_the_service_withdraws_the_waiting_one(
    starter: Starter, family: str, accepted: bool
) -> None:
    server = starter(family=family)
    publish(server, ALICE.announce(server, "widget"))
    assert server.repo_path(ALICE.pubkey, "widget").exists()
    older, newer = (
        ALICE.sign(kinds.ANNOUNCEMENT, ("d", "widget"), *unlisted("clone"), at=NOW + i)
        for i in (-1, 1)
    )
    assert publish(server, older)[0][0] is accepted
    assert server.repo_path(ALICE.pubkey, "widget").exists()
    assert publish(server, newer)[0][0] is accepted
    assert not server.repo_path(ALICE.pubkey, "widget").exists()


def test_dropping_the_service_keeps_the_old_announcement_served(
    starter: Starter, work: Work
) -> None:
    server = starter(family="spec")
    hosted(server, work, ALICE, "widget")
    before = served(server, kinds=[kinds.ANNOUNCEMENT])
    gone = ALICE.sign(kinds.ANNOUNCEMENT, ("d", "widget"), *unlisted("clone"), at=NOW + 1)
    assert not publish(server, gone)[0][0]
    assert served(server, kinds=[kinds.ANNOUNCEMENT]) == before


def test_a_maintainers_announcement_is_taken_although_it_lists_others(
    server: RunningServer, work: Work
) -> None:
    hosted(server, work, ALICE, "widget", BOB)
    bob, mallory = (
        person.sign(kinds.ANNOUNCEMENT, ("d", "widget"), *unlisted("clone", "relays"))
        for person in (BOB, MALLORY)
    )
    answers = publish(server, bob, mallory)
    assert answers[0] == (True, "")
    assert not answers[1][0]
    assert bob.id in served(server)
    assert not server.repo_path(BOB.pubkey, "widget").exists()


def test_parked_announcement_may_be_replaced(starter: Starter) -> None:
    for family, answer in (
        ("ngit-grasp", PARKED),
        ("spec", "duplicate: a newer version is in purgatory"),
    ):
        server = starter(family, family)
        new, old = (ALICE.announce(server, "widget", at=NOW + i) for i in (5, 0))
        assert publish(server, new, old) == [(True, PARKED), (True, answer)]


def test_stored_announcement_is_updated_at_once(server: RunningServer, work: Work) -> None:
    hosted(server, work, ALICE, "widget")
    newer = ALICE.announce(server, "widget", BOB, at=NOW + 9)
    older = ALICE.announce(server, "widget", BOB, at=NOW - 9)
    assert publish(server, newer, newer, older) == [
        (True, ""),
        (True, "duplicate: already have this event"),
        (False, "error: unknown"),
    ]
    assert served(server, kinds=[kinds.ANNOUNCEMENT]) == [newer.id]


def test_states_need_an_announcement_and_authority(server: RunningServer, work: Work) -> None:
    refs = {"refs/heads/main": work.commit("x")}
    alice, bob, carol, mallory = (p.state("widget", refs) for p in (ALICE, BOB, CAROL, MALLORY))
    assert publish(server, alice) == [
        (False, "invalid: no announcement exists for this repository")
    ]
    publish(server, ALICE.announce(server, "widget", BOB))
    publish(server, BOB.sign(kinds.ANNOUNCEMENT, ("d", "widget"), ("maintainers", CAROL.pubkey)))
    assert publish(server, alice, alice, bob, carol, mallory) == [
        (True, PARKED),
        (True, "duplicate: in purgatory"),
        (True, PARKED),
        (True, PARKED),  # by way of Bob: the closure is recursive
        (False, "invalid: author not authorized for this repository"),
    ]


def test_states_without_identifier_are_refused(server: RunningServer) -> None:
    state = ALICE.sign(kinds.STATE, ("refs/heads/main", "1" * 40))
    assert publish(server, state)[0][1].startswith("invalid: ")


def test_states_with_a_value_that_is_no_object_wait_in_vain(
    server: RunningServer, work: Work
) -> None:
    commit = work.commit("x")
    publish(server, ALICE.announce(server, "widget"))
    state = ALICE.state("widget", {"refs/heads/main": commit, "refs/heads/dev": "no object id"})
    assert publish(server, state) == [(True, PARKED)]
    assert not work.push(server, ALICE, "widget", f"{commit}:refs/heads/main")
    assert served(server) == []


def test_other_events_must_relate_to_something_served(server: RunningServer, work: Work) -> None:
    address = f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"
    issue = BOB.sign(kinds.ISSUE, ("a", address))
    publish(server, ALICE.announce(server, "widget"))
    assert publish(server, issue) == [UNRELATED]  # purgatory does not count
    hosted(server, work, ALICE, "widget")
    note = MALLORY.sign(1, content="quoted later")
    comment = CAROL.sign(kinds.COMMENT, ("E", issue.id), ("q", note.id))
    assert publish(server, comment, note, issue, comment, note) == [
        UNRELATED,
        UNRELATED,
        (True, ""),
        (True, ""),
        (True, ""),  # tagged by the stored comment
    ]
    assert publish(server, CAROL.sign(1, ("q", address))) == [(True, "")]
    assert publish(server, CAROL.sign(1, ("p", ALICE.pubkey))) == [UNRELATED]


@pytest.mark.parametrize(("family", "end"), [("spec", ":"), ("ngit-grasp", "")])
def test_replaceable_events_named_by_stored_ones(
    starter: Starter, work: Work, family: str, end: str
) -> None:
    server = starter(family=family)
    hosted(server, work, ALICE, "widget")
    relays = BOB.sign(10_002)
    issue = ALICE.sign(
        kinds.ISSUE,
        ("a", f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"),
        ("a", f"10002:{BOB.pubkey}{end}"),
    )
    assert publish(server, relays, issue, relays) == [UNRELATED, (True, ""), (True, "")]


def test_lists_and_deletions_are_taken_from_anyone(server: RunningServer) -> None:
    events = MALLORY.sign(kinds.GRASP_LIST), MALLORY.sign(kinds.DELETION, ("e", "0" * 64))
    assert publish(server, *events) == [(True, "")] * 2


@pytest.mark.parametrize(
    ("family", "again"),
    [("spec", (False, "blocked: this event is deleted")), ("ngit-grasp", (True, PARKED))],
)
def test_deletion_purges_purgatory_and_keeps_promoted_git(
    starter: Starter, work: Work, family: str, again: tuple[bool, str]
) -> None:
    server = starter(family=family)
    hosted(server, work, ALICE, "kept")
    parked = ALICE.announce(server, "gone")
    state = ALICE.state("gone", {"refs/heads/main": "1" * 40})
    publish(server, parked, state)
    kept = f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:kept"
    deletion = ALICE.sign(kinds.DELETION, ("e", parked.id), ("a", kept), at=NOW + 1)
    stranger = MALLORY.sign(kinds.DELETION, ("e", state.id), at=NOW + 1)
    assert publish(server, deletion, stranger) == [(True, "")] * 2
    assert not server.repo_path(ALICE.pubkey, "gone").exists()
    assert server.repo_path(ALICE.pubkey, "kept").exists()
    assert served(server, kinds=[kinds.ANNOUNCEMENT]) == []
    assert publish(server, parked, state) == [again, (True, "duplicate: in purgatory")]
