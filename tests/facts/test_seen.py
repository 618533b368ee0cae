"""What earlier runs saw: what vanished is an alarm, and marks never go back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from reconciler.facts import seen
from reconciler.facts.knowledge import Knowledge
from reconciler.model.observed import Observed, Seen
from reconciler.model.plan import Hold, HoldReason, Plan
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from tests.kit.people import ALICE, BOB, WIDGET
from tests.kit.values import NOW, desired, observed, oid, planned, refs, view

ANN = ALICE.announce("widget", ["alpha", "beta"])
OLD = ALICE.state("widget", {"refs/heads/main": oid(1)}, at=5)
NEW = ALICE.state("widget", {"refs/heads/main": oid(2)}, at=10)
WISH = desired("alpha", "beta")


def world(
    *served: Event, main: int = 1, down: bool = False, marks: Iterable[Seen] = ()
) -> Observed:
    """Both servers serve these events; with `down`, beta does not answer."""
    data = {WIDGET: refs({"refs/heads/main": oid(main)}, "refs/heads/main")}
    views = (view("alpha", served, data), view("beta", served, data, down=down))
    return replace(observed(served, *views), seen=tuple(marks))


def marks(*served: Event, before: Iterable[Seen] = ()) -> tuple[Seen, ...]:
    """The memory after a run that saw these events."""
    looked = world(*served, marks=before)
    known = Knowledge.of(looked.events, now=looked.at)
    return seen.remembered(looked, known, known.announcements)


def holds(plan: Plan) -> list[HoldReason]:
    return [hold.reason for hold in plan.holds]


def only(plan: Plan) -> Hold:
    (hold,) = plan.holds
    return hold


def test_a_repository_that_nobody_serves_any_more_is_an_alarm() -> None:
    found = only(planned(WISH, world(marks=marks(ANN, NEW))))
    assert (found.reason, found.coordinate) == (HoldReason.VANISHED, WIDGET)
    assert "alpha.example, beta.example" in found.detail


def test_what_may_stand_where_nobody_answered_has_not_vanished() -> None:
    assert holds(planned(WISH, world(marks=marks(ANN, NEW), down=True))) == []


def test_what_its_owner_deleted_has_not_vanished() -> None:
    gone = ALICE.sign(kinds.DELETION, ("a", str(WIDGET)), at=20)
    assert holds(planned(WISH, world(gone, marks=marks(ANN, NEW)))) == []
    stranger = BOB.sign(kinds.DELETION, ("a", str(WIDGET)), at=20)
    assert holds(planned(WISH, world(stranger, marks=marks(ANN, NEW)))) == [HoldReason.VANISHED]


def test_of_other_owners_nothing_is_missed() -> None:
    other = BOB.announce("widget", ["alpha"])
    assert holds(planned(WISH, world(marks=marks(other)))) == []


def test_a_rolled_back_state_moves_nothing_back() -> None:
    plan = planned(WISH, world(ANN, OLD, main=2, marks=marks(ANN, NEW)))
    assert (holds(plan), plan.actions) == ([HoldReason.STATE_VANISHED], ())
    healed = planned(WISH, world(ANN, NEW, main=2, marks=marks(ANN, NEW)))
    assert holds(healed) == []


def test_a_state_that_its_author_deleted_or_who_no_longer_counts_is_not_missed() -> None:
    gone = ALICE.sign(kinds.DELETION, ("e", NEW.id), at=20)
    assert holds(planned(WISH, world(ANN, OLD, gone, marks=marks(ANN, NEW)))) == []
    both = ALICE.announce("widget", ["alpha", "beta"], maintainers=[BOB])
    back = BOB.announce("widget", maintainers=[ALICE])
    bobs = BOB.state("widget", {"refs/heads/main": oid(2)}, at=10)
    left = ALICE.announce("widget", ["alpha", "beta"], at=20)
    assert holds(planned(WISH, world(left, back, OLD, marks=marks(both, back, OLD, bobs)))) == []


@pytest.mark.parametrize("later", [(ANN, OLD), (ANN,)])
def test_marks_never_go_back(later: tuple[Event, ...]) -> None:
    (mark,) = marks(*later, before=marks(ANN, NEW))
    assert (mark.state, mark.state_at) == (NEW.id, NEW.created_at)
    assert mark.at == observed([]).at > NOW


def test_what_was_signed_here_and_nobody_served_yet_is_not_missed_later() -> None:
    looked = world(ANN, OLD)
    looked = replace(looked, events=(*looked.events, NEW), unserved=(NEW,))
    known = Knowledge.of(looked.events, now=looked.at)
    (mark,) = seen.remembered(looked, known, known.announcements)
    assert mark.state == OLD.id
    nowhere = replace(world(), events=(ANN, NEW), unserved=(ANN, NEW))
    known = Knowledge.of(nowhere.events, now=nowhere.at)
    assert seen.remembered(nowhere, known, known.announcements) == ()
