"""Events from other relays: layers, pages, reconnecting, the daily round."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.faults import Aim
from reconciler.sandbox.server import RunningServer
from tests.kit.git import Work
from tests.kit.odd import OddRelay
from tests.kit.patience import eventually, never
from tests.kit.servers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    NOW,
    PARKED,
    Fleet,
    announce,
    has,
    hosted,
    publish,
    put,
)

ADDRESS = f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"
HOUR = 3600


@pytest.fixture
def odd() -> Iterator[OddRelay]:
    with OddRelay() as relay:
        yield relay


def host(server: RunningServer, work: Work, *relays: str) -> Event:
    """Let a server host Alice's widget, announced with these other relays."""
    commit = work.commit("main")
    announcement = announce(ALICE, "widget", server, relays=relays)
    put(server, announcement, ALICE.state("widget", {"refs/heads/main": commit}))
    assert work.push(server, ALICE, "widget", f"{commit}:refs/heads/main")
    return announcement


def issue(at: int = NOW, content: str = "") -> Event:
    return BOB.sign(kinds.ISSUE, ("a", ADDRESS), content=content, at=at)


def settled(server: RunningServer, relays: int = 1) -> None:
    """Wait until everything that is wanted was asked for and answered."""
    eventually(lambda: server.figures().relays_connected == relays)
    eventually(lambda: server.figures().relays_read == relays)
    eventually(lambda: server.figures().confirmed >= 2 and not server.figures().batches_pending)


def tried(server: RunningServer, odd: OddRelay, times: int) -> None:
    """Wait until that many connections came and went, and the server has taken note."""
    eventually(lambda: odd.connections == times)
    eventually(lambda: not odd.open_sockets)
    eventually(lambda: not server.figures().relays_connected)


def rest(odd: OddRelay) -> None:
    """Wait until nothing has been asked for a while."""
    asked = -1
    while asked != len(odd.asked):
        asked = len(odd.asked)
        time.sleep(0.4)


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


def by_source(server: RunningServer) -> dict[str, int]:
    return dict(server.figures().events)


def test_the_three_layers_are_asked_for(fleet: Fleet, odd: OddRelay, work: Work) -> None:
    root = issue()
    odd.stored.append(root)
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    eventually(lambda: any(root.id in f.get("#E", ()) for f in odd.asked))
    live = [f for f in odd.asked if f.get("limit") == 1]
    assert {"kinds": [30617, 10317], "limit": 1} in live
    assert {"kinds": [30618], "#d": ["widget"], "limit": 1} in live
    for name in "aAq":
        assert {f"#{name}": [ADDRESS], "limit": 1} in live
    for name in "eEq":
        assert {f"#{name}": [root.id], "limit": 1} in live
    assert all("since" not in f for f in odd.asked)


@pytest.mark.parametrize("max_limit", [None, 500])
def test_a_relay_that_caps_its_answers_is_read_to_the_end(
    fleet: Fleet, work: Work, max_limit: int | None
) -> None:
    """No NIP-77 here: REQ, EOSE, and on by `until`; 7 events share one second at a page's end.
    What NIP-11 says of the cap need not be true."""
    issues = [issue(NOW - n // 7, str(n)) for n in range(90)]
    with OddRelay(*issues, cap=20, max_limit=max_limit) as odd:
        two = fleet.start("two", sync=True)
        host(two, work, odd.url)
        eventually(lambda: has(two, *issues))
    eventually(lambda: by_source(two)["startup"] == 90)


def test_a_second_with_more_events_than_an_answer_holds_is_not_taken_for_read(
    fleet: Fleet, work: Work
) -> None:
    """Nobody can page within a second; what is older is read all the same."""
    crowd = [issue(NOW, str(n)) for n in range(8)]
    older = [issue(NOW - n, "older") for n in (1, 2, 3)]
    with OddRelay(*crowd, *older, cap=5) as odd:
        two = fleet.start("two", sync=True)
        hosted(two, work, ALICE, "widget")
        put(two, announce(ALICE, "widget", two, relays=(odd.url,), at=NOW + 1))
        eventually(lambda: has(two, *crowd[:5], *older))
        eventually(lambda: two.figures().confirmed == 8)  # answers to those
        eventually(lambda: two.figures().batches_pending == 1)
        never(lambda: two.figures().confirmed > 8, 0.3)


def test_a_silent_cap_behind_nip77_hides_nothing(fleet: Fleet, work: Work) -> None:
    """The ids are known, so that those which did not come are asked for again."""
    one = fleet.start("one", grasp=False)
    issues = [issue(NOW - n, str(n)) for n in range(60)]
    for event in issues:
        one.seed(event)
    one.faults.set("cap", Aim(value=10, message="REQ"))
    two = fleet.start("two", sync=True)
    host(two, work, one.relay_url)
    eventually(lambda: has(two, *issues))
    settled(two)
    assert one.counters.negs


def test_what_a_relay_names_and_keeps_back_is_not_confirmed_and_asked_for_again(
    fleet: Fleet, work: Work
) -> None:
    """The state stays away; the repository's issue comes all the same, and later the state."""
    one = fleet.start("one", grasp=False)
    two = fleet.start("two", sync=True)
    commit = hosted(two, work, ALICE, "widget")
    state = ALICE.state("widget", {"refs/heads/main": commit}, at=NOW + 1)
    one.seed(state)
    one.seed(issue())
    one.faults.set("hidden-state", Aim(message="REQ"))
    put(two, announce(ALICE, "widget", two, relays=(one.relay_url,), at=NOW + 1))
    eventually(lambda: by_source(two)["startup"] == 1)  # the issue
    eventually(lambda: two.figures().confirmed == 1)  # answers to it
    assert two.figures().batches_pending == 1
    asked = one.counters.negs
    never(lambda: one.counters.negs > asked, 0.3)
    assert two.figures().relays_connected == 1
    fleet.clock.advance(6)
    eventually(lambda: one.counters.negs > asked)
    one.faults.clear()
    fleet.clock.advance(12)
    eventually(lambda: has(two, state))
    settled(two)


def test_a_relay_that_only_claims_to_reconcile_is_paged(fleet: Fleet, work: Work) -> None:
    """It answers NEG-OPEN with nothing at all, so a while passes before REQ is tried."""
    with OddRelay(issue(), nips=(1, 77)) as odd:
        two = fleet.start("two", sync=True)
        host(two, work, odd.url)
        eventually(lambda: any(f["limit"] > 1 for f in odd.asked), 12)


def test_a_batch_is_not_confirmed_before_every_question_has_ended(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    odd.stored.append(issue())
    odd.silent = lambda f: "#q" in f and f.get("limit") != 1
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    eventually(lambda: has(two, odd.stored[0]))
    eventually(lambda: two.figures().batches_pending == 1)
    never(lambda: two.figures().confirmed > 1, 0.5)  # one: the state, before the push
    odd.speak()
    eventually(lambda: two.figures().confirmed >= 2)


def test_new_events_come_live_parents_or_not(fleet: Fleet, odd: OddRelay, work: Work) -> None:
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    settled(two)
    root = issue()
    comment = CAROL.sign(kinds.COMMENT, ("a", ADDRESS), ("E", root.id), at=NOW + 1)
    reply = CAROL.sign(kinds.COMMENT, ("E", comment.id), at=NOW + 2)
    odd.publish(comment, root)
    eventually(lambda: has(two, comment, root))
    odd.publish(CAROL.sign(kinds.NOTE, content="about nothing here"), reply)
    eventually(lambda: by_source(two)["live"] == 2)
    eventually(lambda: by_source(two)["startup"] == 0)


def test_a_maintainers_announcement_comes_in_once_the_owner_invites(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    two = fleet.start("two", sync=True, bootstrap=odd.url)
    bobs = BOB.sign(kinds.ANNOUNCEMENT, ("d", "widget"))  # lists no server at all
    eventually(lambda: two.figures().relays_read == 1)
    odd.publish(bobs)
    eventually(lambda: two.figures().events_rejected == 1)
    hosted(two, work, ALICE, "widget", BOB)
    eventually(lambda: has(two, bobs))
    eventually(lambda: two.figures().rejected_kept == 0)


def test_events_of_one_page_are_judged_in_the_order_that_accepts_most(
    fleet: Fleet, odd: OddRelay
) -> None:
    """A page comes newest first, so the invited one stands before the invitation."""
    two = fleet.start("two")
    owners = ALICE.announce(two, "widget", BOB)
    bobs = BOB.sign(kinds.ANNOUNCEMENT, ("d", "widget"), at=NOW + 1)
    two.kill()
    odd.stored += [owners, bobs]
    two = fleet.start("two", sync=True, bootstrap=odd.url, port=port_of(two))
    eventually(lambda: has(two, bobs))
    assert two.figures().events_rejected == 0


def test_what_waits_does_not_wait_longer_because_it_is_seen_again(
    fleet: Fleet, odd: OddRelay
) -> None:
    two = fleet.start("two", sync=True, bootstrap=odd.url)
    # signed late enough to be among what is asked for after the loss of the connection
    odd.publish(announce(ALICE, "widget", two, at=int(fleet.clock()) + 1000))
    path = two.repo_path(ALICE.pubkey, "widget")
    eventually(path.exists)
    eventually(lambda: two.figures().relays_read == 1)
    fleet.clock.advance(1200)
    odd.drop()
    eventually(lambda: not two.figures().relays_connected)
    odd.asked.clear()
    fleet.clock.advance(6)
    eventually(lambda: sum("since" in f and f["limit"] > 1 for f in odd.asked) == 3)
    fleet.clock.advance(600)
    eventually(lambda: not path.exists())


def test_what_expired_without_git_data_is_not_taken_from_a_relay_again(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    """Every daily round would let it wait, and be hunted for, another 30 minutes. A client may
    send it again."""
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    settled(two)
    main = {"refs/heads/main": work.commit("nowhere")}
    state, other = (ALICE.state("widget", main, at=NOW + n) for n in (1, 2))
    pull = BOB.pull(ALICE, "widget", work.commit("nowhere either"))
    odd.publish(state, pull)
    eventually(lambda: waiting(two) == {state.id, pull.id})
    fleet.clock.advance(1801)
    eventually(lambda: not waiting(two))
    rejected, asked = two.figures().events_rejected, len(odd.asked)
    odd.stored.append(other)  # taken in the same round: so that round is over
    fleet.clock.advance(25 * HOUR)
    eventually(lambda: len(odd.asked) > asked)
    eventually(lambda: waiting(two) == {other.id})
    eventually(lambda: two.figures().events_rejected == rejected + 2)
    assert publish(two, state) == [(True, PARKED)]
    assert waiting(two) == {other.id, state.id}


def waiting(server: RunningServer) -> set[str]:
    """The events of states and pull requests in purgatory."""
    held = server._service.purgatory.everything()
    return {e.state.event.id for e in held.states} | {e.event_id for e in held.pulls}


def test_after_a_short_absence_only_what_is_newer_is_asked_for(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    settled(two)
    missed, old = issue(int(fleet.clock()), "missed"), issue(NOW - HOUR, "long ago")
    odd.down = True
    odd.drop()
    eventually(lambda: not two.figures().relays_connected)
    lost = fleet.clock()
    odd.stored += [missed, old]
    odd.asked.clear()
    odd.down = False
    fleet.clock.advance(600)
    eventually(lambda: has(two, missed))
    asked = [f["since"] for f in odd.asked if "#a" in f and f["limit"] != 1]
    assert asked
    assert all(abs(since - (lost - 900)) < 5 for since in asked)
    eventually(lambda: by_source(two)["reconnect"] == 1)
    never(lambda: has(two, old), 0.3)


def test_after_more_than_15_minutes_everything_is_asked_for(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    settled(two)
    odd.down = True
    odd.drop()
    eventually(lambda: not two.figures().relays_connected)
    old = issue(NOW - HOUR, "long ago")
    odd.stored.append(old)
    odd.asked.clear()
    fleet.clock.advance(450)
    never(lambda: two.figures().relays_connected, 0.2)  # an attempt fails; the loss still counts
    odd.down = False
    fleet.clock.advance(460)
    eventually(lambda: has(two, old))
    assert all("since" not in f for f in odd.asked)
    eventually(lambda: by_source(two)["startup"] == 1)


def test_a_reading_after_a_loss_that_broke_off_begins_where_it_began(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    """Three connections in 18 minutes, none of which lives to catch up: the loss is too old then,
    whatever came in between."""
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    settled(two)
    old = issue(int(fleet.clock()) - 1000, "reached the relay late")
    odd.silent = lambda f: f.get("limit") != 1
    odd.drop()
    tried(two, odd, 1)
    odd.stored.append(old)
    for connection in (2, 3, 4):
        fleet.clock.advance(360)
        eventually(lambda: odd.open_sockets and odd.held)
        odd.drop()
        tried(two, odd, connection)
    odd.silent = lambda _: False
    fleet.clock.advance(60)  # the fourth wait has 40 seconds
    eventually(lambda: has(two, old))


def test_a_first_reading_that_broke_off_is_not_taken_for_a_whole_one(
    fleet: Fleet, odd: OddRelay
) -> None:
    odd.silent = lambda f: f.get("limit") != 1
    two = fleet.start("two", sync=True, bootstrap=odd.url)
    eventually(lambda: len(odd.asked) == 2)
    odd.silent = lambda _: False
    odd.drop()
    tried(two, odd, 1)
    fleet.clock.advance(6)
    eventually(lambda: len(odd.asked) == 4)
    assert all("since" not in f for f in odd.asked)


def test_once_a_day_everything_is_asked_for_again(fleet: Fleet, odd: OddRelay, work: Work) -> None:
    two = fleet.start("two", sync=True, chance=0.5)
    host(two, work, odd.url)
    settled(two)
    overlooked = issue(NOW - HOUR, "the live feed lost it")
    odd.stored.append(overlooked)
    fleet.clock.advance(23.9 * HOUR)
    never(lambda: has(two, overlooked), 0.3)
    fleet.clock.advance(0.2 * HOUR)
    eventually(lambda: has(two, overlooked))
    eventually(lambda: by_source(two)["daily"] == 1)
    rest(odd)
    fleet.clock.advance(20 * HOUR)
    asked = len(odd.asked)
    never(lambda: len(odd.asked) > asked, 0.3)


@pytest.mark.parametrize(("chance", "early", "late"), [(0.0, 22.9, 23.1), (1.0, 24.9, 25.1)])
def test_the_day_has_23_to_25_hours(
    fleet: Fleet, odd: OddRelay, chance: float, early: float, late: float
) -> None:
    fleet.start("two", sync=True, bootstrap=odd.url, chance=chance)
    eventually(lambda: len(odd.asked) == 2)
    fleet.clock.advance(early * HOUR)
    never(lambda: len(odd.asked) > 2, 0.2)
    fleet.clock.advance((late - early) * HOUR)
    eventually(lambda: len(odd.asked) == 3)


def test_a_relay_that_fails_is_tried_after_5_10_and_20_seconds(fleet: Fleet, odd: OddRelay) -> None:
    odd.refusal = "error: out of order"
    two = fleet.start("two", sync=True, bootstrap=odd.url)
    for tries, gap in enumerate((5, 10, 20), start=1):
        tried(two, odd, tries)
        fleet.clock.advance(gap - 1)
        never(lambda: odd.open_sockets, 0.2)
        assert odd.connections == tries
        fleet.clock.advance(1)
    tried(two, odd, 4)


def test_a_relay_that_limits_us_is_left_alone_for_65_seconds(fleet: Fleet, odd: OddRelay) -> None:
    odd.refusal = "rate-limited: slow down"
    two = fleet.start("two", sync=True, bootstrap=odd.url)
    tried(two, odd, 1)
    fleet.clock.advance(64)
    never(lambda: odd.connections > 1, 0.2)
    fleet.clock.advance(1.5)
    eventually(lambda: odd.connections == 2)


def test_dead_relays_do_not_stop_others(fleet: Fleet, odd: OddRelay, work: Work) -> None:
    """One refuses, one never answers, one is no relay, one may not be dialled."""
    odd.stored.append(issue())
    with OddRelay() as hanging, socket.create_server(("127.0.0.1", 0)) as silent:
        hanging.hang = True
        free = socket.create_server(("127.0.0.1", 0))
        closed = free.getsockname()[1]
        free.close()
        dead = (
            f"ws://127.0.0.1:{closed}",
            f"ws://127.0.0.1:{silent.getsockname()[1]}",
            hanging.url,
            "ws://10.255.255.1",
            "wss://no.such.host.invalid",
        )
        two = fleet.start("two", sync=True, bootstrap=dead[0])
        host(two, work, *dead, odd.url)
        eventually(lambda: has(two, odd.stored[0]), 4)
        assert two.figures().relays_tracked == 6


def test_a_relay_that_nobody_names_any_more_is_left(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    two = fleet.start("two", sync=True)
    announcement = host(two, work, odd.url)
    settled(two)
    put(two, ALICE.sign(kinds.DELETION, ("e", announcement.id), at=NOW + 1))
    fleet.clock.advance(6)
    eventually(lambda: not odd.open_sockets)
    eventually(lambda: two.figures().relays_tracked == two.figures().indexed == 0)


def test_what_is_not_ours_to_keep_does_not_pile_up(fleet: Fleet, odd: OddRelay) -> None:
    """Announcements of other servers' repositories: refused, remembered within bounds, and not
    judged again when they come again."""
    odd.stored += [
        MALLORY.sign(
            kinds.ANNOUNCEMENT, ("d", f"w{n}"), ("clone", f"https://x.example/{n}"), at=NOW - n
        )
        for n in range(1500)
    ]
    two = fleet.start("two", sync=True, bootstrap=odd.url)
    eventually(lambda: two.figures().events_rejected == 1500, 20)
    figures = two.figures()
    assert figures.indexed == figures.hunts == 0
    assert figures.relays_tracked == 1
    assert figures.rejected_kept == 1500
    assert two.events(Filter()) == ()
    asked = len(odd.asked)
    fleet.clock.advance(25 * HOUR)
    eventually(lambda: len(odd.asked) > asked)
    eventually(lambda: two.figures().relays_connected == 1)
    assert two.figures().events_rejected == 1500


def test_a_forged_event_is_skipped_and_the_others_are_taken(
    fleet: Fleet, odd: OddRelay, work: Work
) -> None:
    good = issue()
    two = fleet.start("two", sync=True)
    host(two, work, odd.url)
    settled(two)
    odd.corrupt = good.id
    forged, fine = good, issue(NOW + 1, "fine")
    odd.publish(forged, fine)
    eventually(lambda: has(two, fine))
    assert not has(two, forged)
