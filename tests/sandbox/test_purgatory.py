"""Time in purgatory: expiry, extension, soft expiry, restart, kill."""

from __future__ import annotations

import json

import pytest
import requests

from reconciler.git import receive_pack
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import nip34, urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.limits import PARKED_ANNOUNCEMENTS
from reconciler.sandbox.server import RunningServer
from reconciler.sandbox.waiting.parked import Bounds, Everything
from reconciler.sandbox.waiting.purgatory import Purgatory
from tests.kit.clock import Clock
from tests.kit.git import ZERO, Work
from tests.kit.patience import eventually
from tests.kit.servers import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    PARKED,
    Person,
    hosted,
    publish,
    remote_refs,
    served,
)

from .conftest import Starter

MAIN, DEV = "refs/heads/main", "refs/heads/dev"
HALF_HOUR = 1800


def status(server: RunningServer, identifier: str = "widget") -> int:
    url = urls.clone(server.url, ALICE.pubkey, identifier)
    answer = requests.get(f"{url}/info/refs?service=git-upload-pack", timeout=5)
    return answer.status_code


def test_state_waits_thirty_minutes(server: RunningServer, work: Work, clock: Clock) -> None:
    first = hosted(server, work, ALICE, "widget")
    second = work.commit("second", first)
    state = ALICE.state("widget", {MAIN: second}, at=NOW + 1)
    publish(server, state)
    clock.advance(HALF_HOUR - 60)
    assert publish(server, state) == [(True, "duplicate: in purgatory")]
    clock.advance(120)
    assert not work.push(server, ALICE, "widget", f"{second}:{MAIN}")
    assert publish(server, state) == [(True, PARKED)]  # a client may submit it again


def test_push_leaves_fifteen_minutes_to_other_states(
    server: RunningServer, work: Work, clock: Clock
) -> None:
    first = hosted(server, work, ALICE, "widget")
    second = work.commit("second", first)
    far = ALICE.state("widget", {MAIN: "1" * 40}, at=NOW + 2)
    near = ALICE.state("widget", {MAIN: second}, at=NOW + 1)
    publish(server, far, near)
    clock.advance(HALF_HOUR - 60)
    assert work.push(server, ALICE, "widget", f"{second}:{MAIN}")
    clock.advance(14 * 60)
    assert publish(server, far) == [(True, "duplicate: in purgatory")]
    clock.advance(2 * 60)
    assert publish(server, far) == [(True, PARKED)]


def test_announcement_goes_soft_and_a_state_revives_it(
    server: RunningServer, work: Work, clock: Clock
) -> None:
    commit = work.commit("x")
    publish(server, ALICE.announce(server, "widget"))
    assert status(server) == 200
    clock.advance(HALF_HOUR + 1)
    assert status(server) == 404
    assert not server.repo_path(ALICE.pubkey, "widget").exists()
    clock.advance(23 * 3600)
    assert publish(server, ALICE.state("widget", {MAIN: commit})) == [(True, PARKED)]
    assert status(server) == 200
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")
    assert len(served(server)) == 2


def test_a_push_revives_a_soft_announcement(
    server: RunningServer, work: Work, clock: Clock
) -> None:
    publish(server, ALICE.announce(server, "widget"))
    commit = work.commit("x")
    clock.advance(HALF_HOUR + 1)
    assert status(server) == 404
    update = RefUpdate(f"refs/nostr/{'a' * 64}", ZERO, commit)
    body = receive_pack.request_head((update,), frozenset({"report-status"})) + work.pack(commit)
    url = urls.clone(server.url, ALICE.pubkey, "widget") + "/git-receive-pack"
    answer = requests.post(url, data=body, timeout=5)
    assert receive_pack.parse_report(answer.content).accepted == {update.name}
    assert status(server) == 200
    assert len(served(server)) == 1


def test_placeholder_survives_a_restart(starter: Starter, work: Work, clock: Clock) -> None:
    server = starter(family="spec")
    tip = work.commit("pr", hosted(server, work, ALICE, "widget"))
    name = f"refs/nostr/{'c' * 64}"
    assert work.push(server, ALICE, "widget", f"{tip}:{name}")
    server.stop()
    again = starter(family="spec", port=int(server.url.rpartition(":")[2]))
    assert name in remote_refs(again, ALICE, "widget")
    clock.advance(HALF_HOUR + 1)
    assert name not in remote_refs(again, ALICE, "widget")


def test_announcement_is_gone_after_a_day(server: RunningServer, work: Work, clock: Clock) -> None:
    announcement = ALICE.announce(server, "widget")
    state = ALICE.state("widget", {MAIN: work.commit("x")})
    publish(server, announcement)
    clock.advance(HALF_HOUR + 1)
    assert status(server) == 404
    clock.advance(24 * 3600)
    assert publish(server, state, announcement) == [
        (False, "invalid: no announcement exists for this repository"),
        (True, PARKED),
    ]
    assert status(server) == 200


def test_state_extends_its_owners_announcement(server: RunningServer, clock: Clock) -> None:
    publish(server, ALICE.announce(server, "widget", BOB))
    clock.advance(HALF_HOUR - 60)
    publish(server, BOB.state("widget", {MAIN: "1" * 40}))
    clock.advance(HALF_HOUR - 60)
    assert status(server) == 200
    clock.advance(120)
    assert status(server) == 404


def test_clean_up_needs_no_visitor(server: RunningServer, clock: Clock) -> None:
    publish(server, ALICE.announce(server, "widget"))
    path = server.repo_path(ALICE.pubkey, "widget")
    clock.advance(HALF_HOUR + 1)
    eventually(lambda: not path.exists())


@pytest.mark.parametrize("clean", [True, False])
def test_restart_keeps_and_kill_loses_purgatory(starter: Starter, work: Work, clean: bool) -> None:
    server = starter()
    port = int(server.url.rpartition(":")[2])
    kept = hosted(server, work, ALICE, "kept")
    commit = work.commit("x")
    announcement = ALICE.announce(server, "widget")
    state = ALICE.state("widget", {MAIN: commit})
    pull = BOB.pull(ALICE, "kept", work.commit("pr", kept))
    publish(server, announcement, state, pull)
    (server.stop if clean else server.kill)()

    again = starter(port=port)
    assert again.url == server.url
    assert len(served(again)) == 2
    assert remote_refs(again, ALICE, "kept")[MAIN] == kept
    answers = [message for _, message in publish(again, state, pull)]
    if clean:
        assert answers == ["duplicate: in purgatory"] * 2
        assert work.push(again, ALICE, "widget", f"{commit}:{MAIN}")
        assert len(served(again)) == 4
    else:
        assert answers[0] == "invalid: no announcement exists for this repository"
        assert answers[1].startswith("purgatory: PR event stored")


def test_downtime_does_not_count(starter: Starter, clock: Clock) -> None:
    server = starter()
    publish(server, ALICE.announce(server, "widget"))
    server.stop()
    clock.advance(10 * HALF_HOUR)
    again = starter(port=int(server.url.rpartition(":")[2]))
    assert status(again) == 200


def test_vanished_repository_is_not_restored(starter: Starter) -> None:
    server = starter()
    publish(server, ALICE.announce(server, "widget"))
    server.stop()
    path = server.repo_path(ALICE.pubkey, "widget")
    path.rename(path.with_name("moved"))
    again = starter(port=int(server.url.rpartition(":")[2]))
    assert publish(again, ALICE.state("widget", {}))[0][0] is False


def test_damaged_file_counts_as_none(starter: Starter) -> None:
    server = starter()
    server.stop()
    saved = server.spec.directory / "purgatory.json"
    for text in ("", "{}", '{"saved_at":1,"announcements":[{}],"states":[],"pulls":[]}'):
        saved.write_text(text)
        again = starter()
        assert served(again) == []
        again.kill()
        assert not saved.exists()


def test_a_state_with_a_symbolic_ref_outlives_a_stop(starter: Starter, work: Work) -> None:
    server = starter()
    publish(server, ALICE.announce(server, "widget"), ALICE.announce(server, "other"))
    odd = ALICE.state("widget", {MAIN: work.commit("x"), DEV: f"ref: {MAIN}"})
    plain = ALICE.state("other", {MAIN: work.commit("y")})
    publish(server, odd, plain)
    server.stop()
    again = starter(port=int(server.url.rpartition(":")[2]))
    assert publish(again, odd, plain) == [(True, "duplicate: in purgatory")] * 2


@pytest.mark.parametrize("damage", ["{}", "7", '{"event":{},"expires":1}', '{"event":1}'])
def test_a_damaged_entry_costs_only_itself(starter: Starter, damage: str) -> None:
    server = starter()
    publish(server, ALICE.announce(server, "widget"))
    first, second = (ALICE.state("widget", {MAIN: n * 40}, at=NOW + int(n)) for n in "12")
    publish(server, first, second)
    server.stop()
    saved = server.spec.directory / "purgatory.json"
    document = json.loads(saved.read_text())
    document["states"][0] = json.loads(damage)
    saved.write_text(json.dumps(document))
    again = starter(port=int(server.url.rpartition(":")[2]))
    assert [message for _, message in publish(again, second, first)] == [
        "duplicate: in purgatory",
        "purgatory: won't be served until git data arrives",
    ]


def test_what_waits_softens_and_then_is_forgotten(server: RunningServer, clock: Clock) -> None:
    purgatory = Purgatory(clock)
    announcement = nip34.announcement(ALICE.announce(server, "w"))
    coordinate = Coordinate(ALICE.pubkey, "w")
    purgatory.park_announcement(announcement)
    purgatory.place("d" * 64, "1" * 40, coordinate)
    assert not purgatory.is_due()
    clock.advance(HALF_HOUR + 1)
    assert purgatory.is_due()
    assert purgatory.overdue() == {"w"}
    assert purgatory.announcement(coordinate) is None
    expired = purgatory.clean("w")
    assert expired.softened == (coordinate,)
    assert [p.event_id for p in expired.placeholders] == ["d" * 64]
    assert not purgatory.is_due()
    entry = purgatory.announcement(coordinate)
    assert entry
    assert entry.soft
    clock.advance(25 * 3600)
    assert not purgatory.has_expired(announcement.event.id)  # it can still be revived
    assert purgatory.clean("w").softened == ()  # it was softened already
    assert purgatory.has_expired(announcement.event.id)
    purgatory.park_announcement(announcement)  # a client sent it again
    assert not purgatory.has_expired(announcement.event.id)
    purgatory.drop_announcement(coordinate)  # its data came: that is no expiry
    assert not purgatory.has_expired(announcement.event.id)
    assert purgatory.everything() == Everything()


def test_of_too_many_announcements_of_one_author_the_oldest_goes_with_its_repository(
    starter: Starter, clock: Clock
) -> None:
    server = starter(family="spec")
    bobs = BOB.announce(server, "other")
    publish(server, bobs, *(ALICE.announce(server, f"w{n}") for n in range(PARKED_ANNOUNCEMENTS)))
    publish(server, *(ALICE.announce(server, f"more{n}") for n in range(3)))
    gone = [server.repo_path(ALICE.pubkey, f"w{n}") for n in range(3)]
    eventually(lambda: not any(path.exists() for path in gone))
    assert status(server, "w3") == status(server, "more2") == 200
    assert server._service.repos.count() == PARKED_ANNOUNCEMENTS + 1
    held = server._service.purgatory.everything()
    assert len(held.announcements) == PARKED_ANNOUNCEMENTS + 1
    commit = "1" * 40
    answers = publish(server, *(ALICE.state(name, {MAIN: commit}) for name in ("w2", "w3")), bobs)
    assert answers == [
        (False, "invalid: no announcement exists for this repository"),
        (True, PARKED),
        (True, PARKED),
    ]
    assert publish(server, ALICE.announce(server, "w0")) == [(True, PARKED)]
    assert status(server, "w0") == 200


class Shelves:
    """Small ones, by values: 3 announcements and 4 other entries an author, 6 of a kind."""

    def __init__(self, clock: Clock) -> None:
        self.purgatory = Purgatory(clock, bounds=Bounds(6, 3, 4, 2))

    def announce(self, owner: Person, name: str) -> None:
        self.purgatory.park_announcement(nip34.announcement(owner.sign(30617, ("d", name))))

    def state(self, author: Person, number: int) -> None:
        self.purgatory.park_state(nip34.state(author.state("w", {}, at=NOW + number)))

    def announced(self, owner: Person) -> str:
        """The names that wait."""
        names = "abcdefghi"
        return "".join(n for n in names if self.purgatory.announcement(Coordinate(owner.pubkey, n)))

    def states(self, author: Person) -> int:
        found = self.purgatory.states("w")
        return sum(s.event.pubkey == author.pubkey for s in found)


def test_one_author_has_a_share_and_nobody_elses_goes(clock: Clock) -> None:
    shelves = Shelves(clock)
    shelves.announce(BOB, "a")
    for name in "abcde":
        shelves.announce(ALICE, name)
    assert shelves.announced(ALICE) == "cde"
    assert shelves.announced(BOB) == "a"
    assert shelves.purgatory.overdue() == {"a", "b"}
    # The lock of their identifiers is needed to take them out with their repositories.
    coordinates = [shelves.purgatory.clean(name).softened for name in "ab"]
    assert coordinates == [(Coordinate(ALICE.pubkey, name),) for name in "ab"]
    assert not shelves.purgatory.is_due()
    assert len(shelves.purgatory.everything().announcements) == 4


def test_of_too_many_the_oldest_goes_whoevers_it_is(clock: Clock) -> None:
    shelves = Shelves(clock)
    for number, author in enumerate((ALICE, ALICE, BOB, BOB, BOB, CAROL, CAROL, CAROL)):
        shelves.state(author, number)
    assert [shelves.states(author) for author in (ALICE, BOB, CAROL)] == [0, 3, 3]
    shelves.purgatory.clean("w")
    assert len(shelves.purgatory.everything().states) == 6


def test_a_soft_announcement_makes_room_first_and_a_revived_one_last(clock: Clock) -> None:
    shelves = Shelves(clock)
    shelves.announce(ALICE, "a")
    clock.advance(HALF_HOUR - 10)
    shelves.announce(ALICE, "b")
    clock.advance(20)
    shelves.purgatory.clean("a")
    shelves.announce(ALICE, "c")
    shelves.announce(ALICE, "d")
    assert shelves.announced(ALICE) == "bcd"
    assert shelves.purgatory.clean("a").softened == ()  # its repository went before
    shelves.purgatory.extend_announcement(Coordinate(ALICE.pubkey, "b"))
    shelves.announce(ALICE, "e")
    assert shelves.announced(ALICE) == "bde"


def test_what_made_room_has_not_expired_and_expired_ids_are_bounded(clock: Clock) -> None:
    shelves = Shelves(clock)
    events = [ALICE.state("w", {}, at=NOW + n) for n in range(5)]
    for event in events:
        shelves.purgatory.park_state(nip34.state(event))
    shelves.purgatory.clean("w")
    assert not shelves.purgatory.has_expired(events[0].id)
    clock.advance(HALF_HOUR + 1)
    shelves.purgatory.clean("w")
    assert [shelves.purgatory.has_expired(e.id) for e in events] == [False] * 3 + [True] * 2
