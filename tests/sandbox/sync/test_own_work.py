"""What families do by themselves, with the delays of the real ones."""

from __future__ import annotations

from reconciler.facts.dialects import NGIT_GRASP, NGIT_RELAY
from reconciler.nostr import kinds
from tests.kit.git import Work
from tests.kit.patience import eventually, never
from tests.kit.servers import ALICE, BOB, Fleet, announce, has, publish, put, remote_refs

MAIN = "refs/heads/main"
ISSUE = BOB.sign(kinds.ISSUE, ("a", f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"))


def test_an_announcement_alone_brings_a_whole_repository_to_ngit_grasp(
    fleet: Fleet, work: Work
) -> None:
    """State and git data at once; the conversation five seconds later, as a batch."""
    full = fleet.start("full", family="ngit-grasp")
    empty = fleet.start("empty", family="ngit-grasp", sync=True)
    commit = work.commit("main")
    announcement = announce(ALICE, "widget", full, empty)
    state = ALICE.state("widget", {MAIN: commit})
    put(full, announcement, state)
    assert work.push(full, ALICE, "widget", f"{commit}:{MAIN}")
    put(full, ISSUE)
    put(empty, announcement)
    eventually(lambda: has(empty, announcement, state))
    assert remote_refs(empty, ALICE, "widget")[MAIN] == commit
    never(lambda: has(empty, ISSUE), 0.5)
    fleet.clock.advance(5)
    eventually(lambda: has(empty, ISSUE))


def test_a_state_from_a_client_waits_for_its_push(fleet: Fleet, work: Work) -> None:
    """Although the same state stands on a relay that the announcement lists."""
    full = fleet.start("full", family="ngit-grasp")
    empty = fleet.start("empty", family="ngit-grasp", sync=True)
    commit = work.commit("main")
    events = announce(ALICE, "widget", full, empty), ALICE.state("widget", {MAIN: commit})
    for server in (full, empty):
        put(server, *events)
    assert work.push(full, ALICE, "widget", f"{commit}:{MAIN}")
    fetches = NGIT_GRASP.own.fetches
    assert fetches
    fleet.clock.advance(fetches.sent - 2)
    never(lambda: has(empty, *events), 0.5)
    fleet.clock.advance(3)
    eventually(lambda: has(empty, *events))


def test_ngit_relay_fetches_git_data_and_no_events(fleet: Fleet, work: Work) -> None:
    full = fleet.start("full", family="ngit-grasp")
    empty = fleet.start("empty", family="ngit-relay", sync=True)
    commit = work.commit("main")
    events = announce(ALICE, "widget", full, empty), ALICE.state("widget", {MAIN: commit})
    put(full, *events)
    assert work.push(full, ALICE, "widget", f"{commit}:{MAIN}")
    put(full, ISSUE)
    put(empty, *events)
    fetches = NGIT_RELAY.own.fetches
    assert fetches and fetches.made
    eventually(lambda: empty.figures().hunts == 1)
    fleet.clock.advance(fetches.made + 0.1)
    eventually(lambda: remote_refs(empty, ALICE, "widget").get(MAIN) == commit)
    fleet.clock.advance(4000)
    never(lambda: has(empty, ISSUE), 0.5)
    assert empty.figures().relays_tracked == 0


def test_ngit_relay_holds_no_long_content(fleet: Fleet) -> None:
    server = fleet.start("one", family="ngit-relay")
    put(server, announce(ALICE, "widget", server))
    tag = ("a", f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget")
    fits, long = (BOB.sign(kinds.ISSUE, tag, content="ü" * 32_767 + x) for x in ("x", "xx"))
    assert publish(server, fits, long) == [
        (True, ""),
        (False, "error: content is too large: 65536, max is 65535"),
    ]
