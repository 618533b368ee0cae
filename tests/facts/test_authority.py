"""Who may speak, by graphs of invitations; which state counts, by every kind of clash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.facts.authority import Ruling, authority, invited, rule
from reconciler.limits import MAINTAINER_DEPTH, MAINTAINERS, MAX_FUTURE_SECONDS
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Announcement, Coordinate, State, state
from tests.kit.people import ALICE, BOB, CAROL, EPOCH, MALLORY, Person
from tests.kit.values import oid, parsed

Graph = Mapping[Person, Iterable[Person]]


def known(graph: Graph, identifier: str = "widget") -> dict[Coordinate, Announcement]:
    """An announcement each, inviting those people."""
    return {
        person.coordinate(identifier): parsed(person.announce(identifier, maintainers=list(others)))
        for person, others in graph.items()
    }


def members(graph: Graph) -> set[str]:
    return names(authority(ALICE.coordinate("widget"), known(graph)), graph)


def names(pubkeys: Iterable[str], graph: Graph) -> set[str]:
    people = {*graph, *(other for others in graph.values() for other in others), ALICE}
    called = {person.pubkey: person.name for person in people}
    return {called[pubkey] for pubkey in pubkeys}


GRAPHS: dict[str, tuple[Graph, set[str]]] = {
    "nothing is known": ({}, {"alice"}),
    "nobody is invited": ({ALICE: []}, {"alice"}),
    "invited, no announcement": ({ALICE: [BOB]}, {"alice"}),
    "invited, not accepted": ({ALICE: [BOB], BOB: []}, {"alice"}),
    "invited and accepted": ({ALICE: [BOB], BOB: [ALICE]}, {"alice", "bob"}),
    "claims without an invitation": ({ALICE: [], MALLORY: [ALICE]}, {"alice"}),
    "accepts somebody else": ({ALICE: [BOB], BOB: [CAROL], CAROL: [BOB]}, {"alice"}),
    "two steps": (
        {ALICE: [BOB], BOB: [ALICE, CAROL], CAROL: [BOB]},
        {"alice", "bob", "carol"},
    ),
    "two steps, the last lists the owner only": (
        {ALICE: [BOB], BOB: [ALICE, CAROL], CAROL: [ALICE]},
        {"alice", "bob", "carol"},
    ),
    "two steps, the first not accepted": (
        {ALICE: [BOB], BOB: [CAROL], CAROL: [BOB, ALICE]},
        {"alice"},
    ),
    "a circle in one direction": ({ALICE: [BOB], BOB: [CAROL], CAROL: [ALICE]}, {"alice"}),
    "a circle in both": (
        {ALICE: [BOB, CAROL], BOB: [ALICE, CAROL], CAROL: [ALICE, BOB]},
        {"alice", "bob", "carol"},
    ),
    "lists herself": ({ALICE: [ALICE, BOB], BOB: [BOB, ALICE]}, {"alice", "bob"}),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_maintainers_are_those_whom_the_graph_confirms(name: str) -> None:
    graph, expected = GRAPHS[name]
    assert members(graph) == expected


def test_another_identifier_gives_no_authority() -> None:
    found = known({ALICE: [BOB]}) | known({BOB: [ALICE]}, "gadget")
    assert authority(ALICE.coordinate("widget"), found) == {ALICE.pubkey}


def test_everybody_whom_invitations_reach_is_asked_for() -> None:
    graph = {ALICE: [BOB, CAROL], BOB: [ALICE, MALLORY], CAROL: []}
    found = invited(ALICE.coordinate("widget"), known(graph))
    assert names(found, graph) == {"bob", "carol", "mallory"}


CROWD = [Person(f"p{number}") for number in range(MAINTAINERS)]


def chain(length: int) -> Graph:
    """Alice invites p0, who invites p1, …; everybody accepts."""
    people = [ALICE, *CROWD[:length]]
    return {p: people[max(0, i - 1) : i] + people[i + 1 : i + 2] for i, p in enumerate(people)}


def star(size: int) -> Graph:
    """Alice invites everybody at once; everybody accepts. `size` counts her."""
    return {ALICE: CROWD[: size - 1], **{p: [ALICE] for p in CROWD[: size - 1]}}


def test_depth_at_the_limit_and_beyond() -> None:
    assert len(members(chain(MAINTAINER_DEPTH))) == MAINTAINER_DEPTH + 1
    assert members(chain(MAINTAINER_DEPTH + 1)) == {"alice"}


def test_size_at_the_limit_and_beyond() -> None:
    assert len(members(star(MAINTAINERS))) == MAINTAINERS
    assert members(star(MAINTAINERS + 1)) == {"alice"}


SMALL = [ALICE, BOB, CAROL]
ATTACKERS = [MALLORY, Person("eve"), Person("oscar")]
CACHE: dict[tuple[str, frozenset[str]], Announcement] = {}


def announced(person: Person, others: frozenset[Person]) -> Announcement:
    key = (person.name, frozenset(other.name for other in others))
    if key not in CACHE:
        listed = sorted(others, key=lambda p: p.name)
        CACHE[key] = parsed(person.announce("widget", maintainers=listed))
    return CACHE[key]


def choices(
    people: list[Person], targets: list[Person]
) -> st.SearchStrategy[dict[Person, set[Person]]]:
    return st.dictionaries(st.sampled_from(people), st.sets(st.sampled_from(targets)))


@given(choices(SMALL, SMALL), choices(ATTACKERS, SMALL + ATTACKERS))
def test_whom_no_member_invites_changes_nothing(
    ours: dict[Person, set[Person]], theirs: dict[Person, set[Person]]
) -> None:
    before = {p.coordinate("widget"): announced(p, frozenset(o)) for p, o in ours.items()}
    after = before | {p.coordinate("widget"): announced(p, frozenset(o)) for p, o in theirs.items()}
    for person in SMALL:
        coordinate = person.coordinate("widget")
        assert authority(coordinate, after) == authority(coordinate, before)
        assert invited(coordinate, after) == invited(coordinate, before)


@given(choices(SMALL + ATTACKERS, SMALL + ATTACKERS))
def test_every_member_is_listed_by_one_and_lists_one(graph: dict[Person, set[Person]]) -> None:
    found = {p.coordinate("widget"): announced(p, frozenset(o)) for p, o in graph.items()}
    members = authority(ALICE.coordinate("widget"), found)
    assert ALICE.pubkey in members
    for pubkey in members - {ALICE.pubkey}:
        own = found[Coordinate(pubkey, "widget")].maintainers
        assert members.intersection(own)
        assert any(
            pubkey in found[Coordinate(m, "widget")].maintainers
            for m in members
            if Coordinate(m, "widget") in found
        )


# --- which state counts ------------------------------------------------------------------------

BOTH = frozenset({ALICE.pubkey, BOB.pubkey})


def signed(person: Person, at: int, number: int = 1) -> Event:
    return person.state("widget", {"refs/heads/main": oid(number)}, at=at)


def ruled(*events: Event, now: int = 1000) -> Ruling:
    forwards = rule(BOTH, map(state, events), now=EPOCH + now)
    assert forwards == rule(BOTH, map(state, events[::-1]), now=EPOCH + now)
    return forwards


def winner(ruling: Ruling) -> State:
    assert ruling.state is not None
    return ruling.state


def test_nobody_rules_where_no_owner_has_signed() -> None:
    assert ruled() == ruled(signed(MALLORY, 5)) == Ruling(None)


def test_the_newest_wins_whoever_of_the_authority_signed_it() -> None:
    events = signed(ALICE, 1, 1), signed(BOB, 3, 3), signed(ALICE, 2, 2), signed(MALLORY, 4, 4)
    found = ruled(*events)
    assert winner(found).event == events[1]
    assert (found.tied, found.future) == ((), ())


def test_different_states_in_one_second_tie_and_the_lowest_id_is_named_first() -> None:
    events = sorted((signed(ALICE, 5, n) for n in (1, 2, 3)), key=lambda e: e.id)
    found = ruled(*events, signed(BOB, 4, 9))
    assert winner(found).event == events[0]
    assert found.tied == tuple(e.id for e in events)


def test_equal_states_in_one_second_do_not_tie_and_the_lowest_id_wins() -> None:
    events = sorted((signed(person, 5) for person in (ALICE, BOB)), key=lambda e: e.id)
    found = ruled(*events)
    assert winner(found).event == events[0]
    assert found.tied == ()


def test_states_that_differ_in_their_head_alone_tie() -> None:
    main = signed(ALICE, 5)
    other = BOB.state("widget", {"refs/heads/main": oid(1)}, head="refs/heads/trunk", at=5)
    assert set(ruled(main, other).tied) == {main.id, other.id}


def test_an_old_tie_does_not_matter() -> None:
    assert ruled(signed(ALICE, 5, 1), signed(BOB, 5, 2), signed(BOB, 6, 3)).tied == ()


def test_the_future_begins_after_the_limit() -> None:
    at = 1000 + MAX_FUTURE_SECONDS
    now, ahead = signed(ALICE, at, 1), signed(BOB, at + 1, 2)
    found = ruled(now, ahead)
    assert winner(found).event == now
    assert found.future == (ahead.id,)
    assert ruled(ahead) == Ruling(None, future=(ahead.id,))
    assert ruled(signed(MALLORY, at + 1)).future == ()
