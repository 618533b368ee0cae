"""What all servers together know: the dead stay dead, strangers kill nobody, parents come first."""

from __future__ import annotations

import time
from itertools import permutations

import pytest

from reconciler.facts.knowledge import Knowledge, is_void, without_deleted
from reconciler.nostr import kinds
from reconciler.nostr.event import Event, Tag
from tests.kit.people import ALICE, BOB, EPOCH, MALLORY, WIDGET, Person
from tests.kit.values import oid

ANN = ALICE.announce("widget", ["alpha"])
STATE = ALICE.state("widget", {"refs/heads/main": oid(1)}, at=10)
ISSUE = BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), at=20)
STATE_ADDRESS = f"30618:{ALICE.pubkey}:widget"


def known(*events: Event, now: int = 1000) -> Knowledge:
    return Knowledge.of(events, now=EPOCH + now)


def live(*events: Event) -> set[str]:
    return set(known(*events).live)


def delete(*tags: Tag, by: Person = ALICE, at: int = 50) -> Event:
    return by.sign(kinds.DELETION, *tags, at=at)


# --- deletions ---------------------------------------------------------------------------------

DEATHS: dict[str, tuple[Event, Event, bool]] = {
    "its id": (ISSUE, delete(("e", ISSUE.id), by=BOB), True),
    "its id, by a stranger": (ISSUE, delete(("e", ISSUE.id), by=MALLORY), False),
    "its id, by the repository's owner": (ISSUE, delete(("e", ISSUE.id)), False),
    "its id, in a tag of another name": (ISSUE, delete(("q", ISSUE.id), by=BOB), False),
    "its address": (ANN, delete(("a", str(WIDGET))), True),
    "its address, by a stranger": (ANN, delete(("a", str(WIDGET)), by=MALLORY), False),
    "another address": (ANN, delete(("a", STATE_ADDRESS)), False),
    "its address, before it was signed": (STATE, delete(("a", STATE_ADDRESS), at=9), False),
    "its address, in the same second": (STATE, delete(("a", STATE_ADDRESS), at=10), True),
    "its address, later": (STATE, delete(("a", STATE_ADDRESS), at=11), True),
    "a version by id": (STATE, delete(("e", STATE.id), at=0), True),
}


@pytest.mark.parametrize("name", DEATHS)
def test_a_deletion_takes_what_its_author_may_delete(name: str) -> None:
    event, deletion, dies = DEATHS[name]
    for order in permutations((event, deletion)):
        assert live(*order) == ({deletion.id} if dies else {event.id, deletion.id})


def test_the_latest_of_several_deletions_counts() -> None:
    deletions = [delete(("a", STATE_ADDRESS), at=at) for at in (12, 5)]
    assert STATE.id not in live(STATE, *deletions)
    assert STATE.id not in live(STATE, *deletions[::-1])


def test_a_deletion_cannot_be_deleted() -> None:
    first = delete(("e", ISSUE.id), by=BOB)
    second = delete(("e", first.id), by=BOB, at=60)
    assert live(ISSUE, first, second) == {first.id, second.id}


def test_every_target_of_one_deletion_dies() -> None:
    other = BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), at=21)
    deletion = delete(("e", ISSUE.id), ("e", other.id), by=BOB)
    assert without_deleted([ISSUE, other, deletion]) == [deletion]


def test_a_list_of_servers_dies_by_its_address_which_ends_with_a_colon() -> None:
    """NIP-01: replaceable events have addresses, too, with nothing for `d`."""
    listed = ALICE.sign(kinds.GRASP_LIST, ("g", "wss://alpha.example"))
    deletion = delete(("a", f"{kinds.GRASP_LIST}:{ALICE.pubkey}:"))
    assert live(listed, deletion) == {deletion.id}


# --- expiry and protection ---------------------------------------------------------------------


def expiring(value: str) -> Event:
    return BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), ("expiration", value))


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        (f"{EPOCH + 999}", False),
        (f"{EPOCH + 1000}", False),
        (f"{EPOCH + 1001}", True),
        ("0", False),
        ("", True),
        ("soon", True),
        ("-1", True),
        ("1.5", True),
        ("²", True),
        ("٣", True),
        ("9" * 5000, True),
    ],
)
def test_an_event_lives_until_its_expiration_says_otherwise(value: str, stands: bool) -> None:
    event = expiring(value)
    assert (event.id in live(event)) is stands


def test_protected_events_are_known_and_not_sent() -> None:
    event = BOB.sign(kinds.ISSUE, ("a", str(WIDGET)), ("-",))
    found = known(ANN, event)
    assert event.id in found.events
    assert event.id not in found.live
    assert found.related(WIDGET) == ()


# --- sorting -----------------------------------------------------------------------------------


def test_the_newest_announcement_counts_and_the_lowest_id_breaks_a_tie() -> None:
    old = ALICE.announce("widget", ["alpha"], at=5)
    twins = sorted((ALICE.announce("widget", [s], at=6) for s in "abcdef"), key=lambda e: e.id)
    for order in ((old, *twins), (*twins[::-1], old)):
        assert known(*order).announcements[WIDGET].event == twins[0]


def test_states_are_kept_by_identifier_whoever_signed_them() -> None:
    other = MALLORY.state("widget", {})
    third = ALICE.state("gadget", {})
    found = known(STATE, other, third).states
    assert {s.event for s in found["widget"]} == {STATE, other}
    assert [s.event for s in found["gadget"]] == [third]


def test_what_breaks_nip34_is_set_aside_with_its_reason() -> None:
    odd = ALICE.state("widget", {"refs/heads/main": "ref: refs/heads/trunk"})
    bad = ALICE.announce("a/b")
    found = known(STATE, odd, bad)
    assert dict(found.unreadable).keys() == {odd.id, bad.id}
    assert [s.event for s in found.states["widget"]] == [STATE]
    assert found.announcements == {}


# --- what hangs from a repository --------------------------------------------------------------


def related(*events: Event) -> list[Event]:
    found = known(ANN, STATE, *events).related(WIDGET)
    assert found == known(*events[::-1], STATE, ANN).related(WIDGET)
    return list(found)


@pytest.mark.parametrize("letter", ["a", "A", "q"])
def test_events_that_name_the_repository(letter: str) -> None:
    event = BOB.sign(kinds.NOTE, (letter, str(WIDGET)))
    assert related(event) == [event]


@pytest.mark.parametrize("letter", ["e", "E", "q"])
def test_events_that_name_such_an_event(letter: str) -> None:
    event = BOB.sign(kinds.NOTE, (letter, ISSUE.id), at=30)
    assert related(ISSUE, event) == [ISSUE, event]


def test_events_that_hang_from_nothing_of_ours() -> None:
    other = BOB.sign(kinds.ISSUE, ("a", f"30617:{MALLORY.pubkey}:widget"))
    reply = BOB.sign(kinds.COMMENT, ("e", other.id))
    alone = BOB.sign(kinds.NOTE, ("t", str(WIDGET)), ("p", ALICE.pubkey))
    assert related(other, reply, alone) == []


def test_replies_to_the_announcement_and_the_state_hang_from_the_repository() -> None:
    replies = [BOB.sign(kinds.COMMENT, ("e", e.id), at=i) for i, e in enumerate((ANN, STATE))]
    assert related(*replies) == replies


def test_announcements_and_states_are_not_among_them() -> None:
    assert related(BOB.announce("widget", extra=[("a", str(WIDGET))])) == []


def test_the_deletion_of_a_dead_event_is_among_them() -> None:
    deletion = delete(("e", ISSUE.id), by=BOB)
    comment = MALLORY.sign(kinds.COMMENT, ("e", ISSUE.id), at=40)
    assert related(ISSUE, deletion, comment) == [comment, deletion]


def test_parents_stand_before_children_whatever_their_clocks_say() -> None:
    chain = [ISSUE]
    for number in range(10, 0, -1):
        tags = (("E", ISSUE.id), ("e", chain[-1].id))
        chain.append(MALLORY.sign(kinds.COMMENT, *tags, at=number))
    assert related(*chain) == chain


def test_circles_of_addresses_end() -> None:
    one = BOB.sign(30000, ("d", "one"), ("a", str(WIDGET)), ("a", f"30000:{BOB.pubkey}:two"))
    two = BOB.sign(30000, ("d", "two"), ("a", f"30000:{BOB.pubkey}:one"), at=1)
    assert related(one, two) == [one, two]


def test_a_thousand_levels_are_no_problem() -> None:
    chain = [ISSUE]
    for number in range(1100):
        chain.append(BOB.sign(kinds.COMMENT, ("e", chain[-1].id), at=1200 - number))
    assert related(*chain) == chain


def test_a_deletion_of_what_others_wrote_is_void() -> None:
    issue = ALICE.sign(kinds.ISSUE, ("a", str(WIDGET)))
    known = {issue.id: issue}
    foreign = MALLORY.sign(kinds.DELETION, ("e", issue.id), ("a", str(WIDGET)))
    assert is_void(foreign, known)
    assert not is_void(ALICE.sign(kinds.DELETION, ("e", issue.id)), known)
    assert not is_void(MALLORY.sign(kinds.DELETION, ("e", "f" * 64)), known)  # perhaps its own
    assert not is_void(ALICE.sign(kinds.DELETION, ("a", str(WIDGET))), known)


@pytest.mark.long
def test_a_flood_of_events_costs_linear_time() -> None:
    """Eight times as many events cost about eight times as much, and not sixty-four."""
    flood = [MALLORY.sign(kinds.ISSUE, ("a", str(WIDGET)), at=n) for n in range(16_000)]

    def cost(count: int) -> float:
        knowledge = known(*flood[:count])
        start = time.process_time()
        knowledge.related(WIDGET)
        return time.process_time() - start

    assert min(cost(16_000) for _ in range(3)) < 24 * min(cost(2_000) for _ in range(3))
