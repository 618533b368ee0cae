"""The two caches of refused events."""

from __future__ import annotations

from reconciler.nostr import kinds
from reconciler.sandbox.sync.rejected import COLD_SECONDS, HOT_SECONDS, Rejected
from tests.kit.clock import Hands
from tests.kit.servers import ALICE, BOB, CAROL, NOW


def fresh() -> tuple[Rejected, Hands]:
    clock = Hands(1000.0)
    return Rejected(clock), clock


ANNOUNCEMENT = ALICE.sign(kinds.ANNOUNCEMENT, ("d", "widget"))
ISSUE = BOB.sign(kinds.ISSUE, ("a", f"30617:{ALICE.pubkey}:widget"))
COMMENT = CAROL.sign(kinds.COMMENT, ("E", ISSUE.id))
STATE = BOB.sign(kinds.STATE, ("d", "widget"))
FOREIGN = BOB.sign(kinds.ANNOUNCEMENT, ("d", "widget"))


def test_a_refused_event_is_hot_for_2_minutes_and_cold_for_7_days() -> None:
    rejected, clock = fresh()
    rejected.add(ISSUE)
    clock.now += HOT_SECONDS - 1
    assert rejected.knows(ISSUE.id)
    assert rejected.hot == 1
    clock.now += 1
    assert rejected.knows(ISSUE.id)
    assert rejected.hot == 0
    clock.now += COLD_SECONDS - HOT_SECONDS
    assert not rejected.knows(ISSUE.id)
    assert len(rejected) == 0


def test_what_it_tags_brings_it_back_at_once() -> None:
    rejected, _ = fresh()
    for event in (ISSUE, COMMENT):
        rejected.add(event)
    assert rejected.release(ANNOUNCEMENT) == (ISSUE,)
    assert rejected.release(ISSUE) == (COMMENT,)
    assert len(rejected) == rejected.hot == 0


def test_an_event_that_names_it_brings_it_back() -> None:
    rejected, _ = fresh()
    rejected.add(ISSUE)
    assert rejected.release(BOB.sign(kinds.NOTE, ("q", ISSUE.id))) == (ISSUE,)


def test_an_announcement_brings_back_states_and_announcements_of_its_identifier() -> None:
    """GRASP-02: a maintainer's may be acceptable once the owner's is here."""
    rejected, _ = fresh()
    rejected.add(STATE)
    rejected.add(FOREIGN)
    assert rejected.release(ALICE.sign(kinds.ANNOUNCEMENT, ("d", "gadget"))) == ()
    assert set(rejected.release(ANNOUNCEMENT)) == {STATE, FOREIGN}


def test_a_cold_one_is_forgotten_so_that_it_is_fetched_again() -> None:
    rejected, clock = fresh()
    rejected.add(ISSUE)
    clock.now += HOT_SECONDS
    assert rejected.release(ANNOUNCEMENT) == ()
    assert not rejected.knows(ISSUE.id)


def test_an_unrelated_event_changes_nothing() -> None:
    rejected, _ = fresh()
    rejected.add(ISSUE)
    assert rejected.release(COMMENT) == (ISSUE,)  # a comment on it names it
    rejected.add(ISSUE)
    assert rejected.release(STATE) == ()
    assert rejected.knows(ISSUE.id)


def test_both_caches_are_bounded_and_leave_nothing_behind() -> None:
    clock = Hands(1000.0)
    rejected = Rejected(clock, hot=10, cold=100)
    events = [BOB.sign(kinds.ISSUE, *ISSUE.tags, at=NOW + n) for n in range(1000)]
    for event in events:
        rejected.add(event)
    assert (len(rejected), rejected.hot) == (100, 10)
    assert not rejected.knows(events[0].id)
    assert rejected.knows(events[-1].id)
    assert rejected.release(ANNOUNCEMENT) == tuple(sorted(events[-10:], key=lambda e: e.id))
    assert (len(rejected), rejected.hot) == (0, 0)
