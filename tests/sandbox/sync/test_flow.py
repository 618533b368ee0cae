"""GRASP-02 end to end: real servers, real git, nobody in between."""

from __future__ import annotations

from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.sandbox.metrics.figures import Figures
from reconciler.sandbox.server import RunningServer
from tests.kit.git import Work
from tests.kit.patience import eventually, never
from tests.kit.servers import ALICE, BOB, CAROL, NOW, Fleet, announce, has, put, remote_refs


def test_what_is_published_on_one_server_appears_on_the_other(fleet: Fleet, work: Work) -> None:
    """Announcement, state, pull request, an answer to it, and all git data."""
    one = fleet.start("one")
    two = fleet.start("two", sync=True, bootstrap=one.relay_url)
    main = work.commit("main")
    change = work.commit("change", main)
    announcement = announce(ALICE, "widget", one, two)
    state = ALICE.state("widget", {"refs/heads/main": main})
    pull = BOB.pull(ALICE, "widget", change)
    comment = CAROL.sign(kinds.COMMENT, ("E", pull.id), ("e", pull.id), at=NOW + 1)
    put(one, announcement, state)
    assert work.push(one, ALICE, "widget", f"{main}:refs/heads/main")
    put(one, pull)
    assert work.push(one, ALICE, "widget", f"{change}:refs/nostr/{pull.id}")
    put(one, comment)
    eventually(lambda: has(two, announcement, state, pull, comment))
    refs = remote_refs(two, ALICE, "widget")
    assert refs["refs/heads/main"] == main
    assert refs[f"refs/nostr/{pull.id}"] == change
    assert two.events(Filter(kinds=(kinds.STATE,))) == (state,)
    assert two.counters.events_received == 0 and two.counters.pushes_received == 0


def test_two_servers_that_follow_each_other_agree_and_come_to_rest(
    fleet: Fleet, work: Work
) -> None:
    """Whatever is published where: both have it, and nothing goes round in circles."""
    one = fleet.start("one", sync=True)
    two = fleet.start("two", sync=True)
    first = work.commit("first")
    second = work.commit("second", first)
    announcement = announce(ALICE, "widget", one, two)
    old = ALICE.state("widget", {"refs/heads/main": first})
    put(one, announcement, old)
    put(two, announcement)  # a server learns of others from what it is told
    assert work.push(one, ALICE, "widget", f"{first}:refs/heads/main")
    eventually(lambda: has(two, announcement, old))
    new = ALICE.state("widget", {"refs/heads/main": second}, at=NOW + 10)
    issue = BOB.sign(kinds.ISSUE, ("a", f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"))
    put(two, new, issue)
    assert work.push(two, ALICE, "widget", f"{second}:refs/heads/main")
    eventually(lambda: has(one, new, issue))
    for server in (one, two):
        assert remote_refs(server, ALICE, "widget")["refs/heads/main"] == second
    eventually(lambda: one.figures().hunts == two.figures().hunts == 0)
    before = [_work(server) for server in (one, two)]
    assert [stored for stored, _ in before] == [4, 4]
    fleet.clock.advance(600)
    never(lambda: [_work(server) for server in (one, two)] != before, 0.5)


def _work(server: RunningServer) -> tuple[int, int]:
    """Events that it stored, and git data that it gave away."""
    return server.counters.events_stored, server.counters.fetches


def test_without_sync_a_server_asks_nobody(fleet: Fleet, work: Work) -> None:
    one, two = fleet.start("one"), fleet.start("two")
    commit = work.commit("main")
    announcement = announce(ALICE, "widget", one, two)
    state = ALICE.state("widget", {"refs/heads/main": commit})
    for server in (one, two):
        put(server, announcement, state)
    assert work.push(one, ALICE, "widget", f"{commit}:refs/heads/main")
    fleet.clock.advance(600)
    never(lambda: has(two, state), 0.5)
    assert two.figures() == Figures()
    assert one.counters.connections == 1
