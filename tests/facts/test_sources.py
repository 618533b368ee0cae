"""Which repositories a source would have announced: those that never were, and no other."""

from __future__ import annotations

from typing import Literal

import pytest

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import select
from reconciler.facts.sources import adopted, unannounced
from reconciler.model.desired import Desired, Npub, Policies, Rule, Source
from reconciler.model.observed import Seen
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from tests.kit.people import ALICE, BOB, WIDGET
from tests.kit.values import desired

SOURCE = Source(url="https://git.example/w", adopt=True)
SIGNER = Npub(pubkey=ALICE.pubkey, name="alice", signer="key")


def wish(
    owner: Npub = SIGNER,
    source: Source = SOURCE,
    announcements: Literal["update", "keep"] = "update",
) -> Desired:
    rules = [Rule("alice/widget", source=source)]
    policies = Policies(announcements=announcements)
    return desired("alpha", owners=[owner], rules=rules, policies=policies)


def fresh(found: Desired, *events: Event, limit: str = "*", seen: tuple[Seen, ...] = ()) -> bool:
    known = Knowledge.of(events, now=2_000_000_000)
    named = unannounced(found, known, select(found, [limit]), seen)
    assert named in ((), (WIDGET,))
    return bool(named)


def test_a_repository_that_nobody_announced() -> None:
    assert fresh(wish())
    assert fresh(wish(), BOB.announce("widget"), ALICE.announce("gadget"))
    assert fresh(wish(), ALICE.state("widget", {}))


@pytest.mark.parametrize(
    "event",
    [
        ALICE.announce("widget"),
        ALICE.sign(kinds.DELETION, ("a", str(WIDGET)), at=5),
        ALICE.sign(kinds.ANNOUNCEMENT, ("d", "widget"), ("-",)),
        ALICE.sign(kinds.ANNOUNCEMENT, ("d", "widget"), ("expiration", "1")),
    ],
    ids=["announced", "deleted", "protected", "expired"],
)
def test_what_the_owner_said_of_it_stands(event: Event) -> None:
    assert not fresh(wish(), event)


def test_a_stranger_s_deletion_is_no_word() -> None:
    assert fresh(wish(), BOB.sign(kinds.DELETION, ("a", str(WIDGET))))


def test_what_an_earlier_run_saw_has_vanished_and_is_not_new() -> None:
    mark = Seen(
        coordinate=WIDGET,
        announcement="a" * 64,
        announced_at=1,
        state=None,
        state_by=None,
        state_at=0,
        servers=(),
        at=1,
    )
    assert not fresh(wish(), seen=(mark,))


def test_who_may_not_sign_and_what_is_not_wanted() -> None:
    assert not fresh(wish(Npub(pubkey=ALICE.pubkey, name="alice")))
    assert not fresh(wish(Npub(pubkey=ALICE.pubkey, name="alice", signer="k", exclude=("w*",))))
    assert not fresh(wish(source=Source(url=SOURCE.url)))
    assert not fresh(wish(announcements="keep"))
    assert not fresh(wish(), limit="alice/gadget")


def test_states_are_adopted_where_announcements_are_kept_as_they_are() -> None:
    assert adopted(wish(announcements="keep"), WIDGET) == SOURCE
