"""The first index: what is wanted, and from where."""

from __future__ import annotations

from reconciler.nostr import kinds, nip34
from reconciler.nostr.event import Event, Tag
from reconciler.sandbox.sync.needs import Needs
from reconciler.sandbox.sync.wanted import RELAYS, Wanted
from tests.kit.servers import ALICE, BOB, MALLORY, NOW

OWN, FIRST, SECOND = "https://own.example", "https://first.example", "https://second.example"


def announced(*relays: str, identifier: str = "widget", at: int = NOW) -> Event:
    tags: tuple[Tag, ...] = (("d", identifier), ("relays", *relays))
    return ALICE.sign(kinds.ANNOUNCEMENT, *tags, at=at)


def issue(identifier: str = "widget") -> Event:
    return BOB.sign(kinds.ISSUE, ("a", f"30617:{ALICE.pubkey}:{identifier}"))


def address(identifier: str = "widget") -> str:
    return f"30617:{ALICE.pubkey}:{identifier}"


def test_relays_come_from_announcements_and_the_bootstrap_and_never_are_ourselves() -> None:
    wanted = Wanted(OWN, "wss://boot.example/")
    assert wanted.relays() == {"https://boot.example"}
    wanted.add(announced("wss://OWN.example:443/", "wss://first.example", "nonsense", "ftp://x.y"))
    assert wanted.relays() == {"https://boot.example", FIRST}
    assert Wanted(OWN, "wss://own.example").relays() == frozenset()
    assert Wanted(OWN, "").relays() == frozenset()


def test_a_repository_is_wanted_from_its_own_relays_only() -> None:
    wanted = Wanted(OWN)
    wanted.add(announced("wss://first.example", identifier="one"))
    wanted.add(announced("wss://second.example", identifier="two"))
    wanted.add(issue("two"))
    assert wanted.of(FIRST) == Needs(frozenset({"one"}), frozenset({address("one")}))
    assert wanted.of(SECOND).roots == {issue("two").id}
    assert wanted.of("https://third.example") == Needs()


def test_a_newer_announcement_moves_the_repository() -> None:
    wanted = Wanted(OWN)
    wanted.add(announced("wss://first.example"))
    wanted.add(announced("wss://second.example", at=NOW + 1))
    assert wanted.relays() == {SECOND}
    assert not wanted.of(FIRST)


def test_what_waits_in_purgatory_counts_for_its_states_alone() -> None:
    wanted = Wanted(OWN)
    parked = nip34.announcement(announced("wss://first.example"))
    assert wanted.park([parked])
    assert not wanted.park([parked])
    assert wanted.of(FIRST) == Needs(identifiers=frozenset({"widget"}))
    assert wanted.park([])
    assert wanted.relays() == frozenset()


def test_answers_are_wanted_to_known_roots_of_known_repositories() -> None:
    wanted = Wanted(OWN)
    wanted.add(issue())
    assert wanted.relays() == frozenset()
    wanted.add(announced("wss://first.example"))
    assert wanted.of(FIRST).roots == {issue().id}
    wanted.add(BOB.sign(kinds.COMMENT, ("a", address())))
    assert wanted.of(FIRST).roots == {issue().id}


def test_the_same_object_comes_back_as_long_as_nothing_changes() -> None:
    wanted = Wanted(OWN)
    wanted.add(announced("wss://first.example"))
    assert wanted.of(FIRST) is wanted.of(FIRST)


def test_rebuilding_forgets_what_is_no_longer_served() -> None:
    wanted = Wanted(OWN)
    for number in range(3000):
        wanted.add(
            MALLORY.sign(kinds.ISSUE, ("a", address()), at=number) if number < 3 else issue()
        )
    wanted.add(announced("wss://first.example"))
    wanted.rebuild([])
    assert len(wanted) == 0
    assert wanted.relays() == frozenset()


def test_an_announcement_with_too_many_relays_is_not_followed_to_all_of_them() -> None:
    wanted = Wanted(OWN, "wss://boot.example")
    wanted.add(announced(*(f"wss://r{n}.example" for n in range(180)), identifier="flood"))
    wanted.add(announced(*(f"wss://s{n}.example" for n in range(180)), identifier="flood2"))
    wanted.add(announced("wss://s0.example", "wss://zz.example", identifier="good"))
    wanted.add(announced("wss://zz.example", identifier="better"))
    relays = wanted.relays()
    assert len(relays) == RELAYS + 1
    assert {"https://zz.example", "https://s0.example", "https://boot.example"} <= relays
