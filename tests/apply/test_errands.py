"""The order of one server's work: by repository, unseen ones first, owners in turn."""

from __future__ import annotations

from reconciler.apply.errands import Errand, errands
from reconciler.model.actions import Action, Publish, Push, Wave, Why
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import Coordinate

ALICE, BOB = "a" * 64, "b" * 64
SERVER, OTHER = "https://one.example", "https://two.example"


def send(owner: str, name: str, wave: Wave, kind: int, server: str = SERVER) -> Publish:
    return Publish(
        coordinate=Coordinate(owner, name),
        server=server,
        event_id=f"{owner[:2]}{name}{int(wave)}",
        kind=kind,
        wave=wave,
        why=Why.EVENT_MISSING,
    )


def whole(owner: str, name: str, server: str = SERVER) -> list[Action]:
    push = Push(
        coordinate=Coordinate(owner, name),
        server=server,
        updates=(),
        sources=(),
        wave=Wave.PUSH,
        why=Why.REFS_DIFFER,
    )
    return [
        send(owner, name, Wave.ROOTS, 1621, server),
        push,
        send(owner, name, Wave.STATE, kinds.STATE, server),
        send(owner, name, Wave.ANNOUNCE, kinds.ANNOUNCEMENT, server),
    ]


def names(found: tuple[Errand, ...]) -> list[tuple[str, str]]:
    return [(e.actions[0].coordinate.owner, e.actions[0].coordinate.identifier) for e in found]


def test_a_repository_is_announced_stated_and_pushed_before_the_next_begins() -> None:
    (first, second) = errands([*whole(ALICE, "one"), *whole(ALICE, "two")])[SERVER]
    for errand in (first, second):
        waves = [wave[0].wave for wave in errand.waves]
        assert waves == [Wave.ANNOUNCE, Wave.STATE, Wave.PUSH, Wave.ROOTS]
        assert [action.wave for action in errand.head] == [Wave.ANNOUNCE, Wave.STATE]


def test_what_nobody_can_see_there_comes_first() -> None:
    talk = send(ALICE, "early", Wave.ROOTS, 1621)
    found = errands([talk, *whole(ALICE, "late")])[SERVER]
    assert names(found) == [(ALICE, "late"), (ALICE, "early")]


def test_owners_take_turns_at_a_server() -> None:
    many = [action for name in ("p", "q", "r") for action in whole(ALICE, name)]
    found = errands([*many, *whole(BOB, "x")])[SERVER]
    assert names(found) == [(ALICE, "p"), (BOB, "x"), (ALICE, "q"), (ALICE, "r")]


def test_one_identifier_of_two_owners_is_one_errand() -> None:
    """A state of both aligns both, so the push of either must come after it."""
    (errand,) = errands([*whole(ALICE, "same"), *whole(BOB, "same")])[SERVER]
    assert len(errand.actions) == 8


def test_every_server_has_its_own() -> None:
    found = errands([*whole(ALICE, "one"), *whole(ALICE, "one", OTHER)])
    assert {server: len(queue) for server, queue in found.items()} == {SERVER: 1, OTHER: 1}
