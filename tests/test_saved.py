"""A reviewed plan on a world that moved: all or nothing, or the part that still holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Action, Publish, Push, Wave, Why
from reconciler.model.plan import Plan
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import Coordinate
from reconciler.saved import differences, only, still_valid
from tests.kit import values
from tests.kit.people import ALICE, WIDGET, url
from tests.kit.values import ZERO, oid, refs

GADGET = ALICE.coordinate("gadget")


def push(coordinate: Coordinate, server: str, new: str = oid(1)) -> Push:
    return Push(
        coordinate=coordinate,
        server=url(server),
        updates=(RefUpdate("refs/heads/main", ZERO, new),),
        sources=(),
        wave=Wave.PUSH,
        why=Why.REFS_DIFFER,
    )


def state(coordinate: Coordinate, server: str, event: str = "a") -> Publish:
    return Publish(
        coordinate=coordinate,
        server=url(server),
        event_id=event * 64,
        kind=kinds.STATE,
        wave=Wave.STATE,
        why=Why.STATE_MISSING,
    )


def plan(*actions: Action, digest: str = "d") -> Plan:
    announced = [ALICE.announce(name, ["alpha", "beta"]) for name in ("widget", "gadget")]
    both = {WIDGET: refs({}), GADGET: refs({})}
    seen = values.observed(
        announced, values.view("alpha", announced, both), values.view("beta", announced, both)
    )
    found = values.planned(values.desired("alpha", "beta"), seen)
    return replace(found, actions=actions, desired_digest=digest * 64)


SAVED = plan(
    state(WIDGET, "alpha"), push(WIDGET, "alpha"), push(GADGET, "alpha"), push(WIDGET, "beta")
)


def kept(fresh: Plan) -> set[str]:
    return {action.key for action in still_valid(SAVED, fresh)[0].actions}


def test_an_unchanged_world_keeps_everything() -> None:
    assert differences(SAVED, SAVED) == ()
    assert still_valid(SAVED, SAVED) == (SAVED, ())


def test_what_is_done_already_falls_away_and_the_rest_stays() -> None:
    fresh = replace(SAVED, actions=SAVED.actions[:3])
    assert differences(SAVED, fresh) == (
        "no longer needed or possible: alice/widget: push 1 ref on beta.example",
    )
    assert kept(fresh) == {action.key for action in fresh.actions}


def test_a_comment_in_the_desired_state_changes_nothing_that_is_still_wanted() -> None:
    fresh = replace(SAVED, desired_digest="e" * 64)
    assert differences(SAVED, fresh) == ("the desired state was changed after the plan was made",)
    assert still_valid(SAVED, fresh) == (fresh, ())


def test_what_would_go_elsewhere_now_falls_away() -> None:
    moved = push(WIDGET, "beta", oid(2))
    fresh = replace(SAVED, actions=(*SAVED.actions[:3], moved))
    assert moved.key not in kept(fresh)
    assert still_valid(SAVED, fresh)[1] == ("changed: alice/widget: push 1 ref on beta.example",)


def test_what_nobody_reviewed_is_not_done() -> None:
    more = push(GADGET, "beta")
    part, fell = still_valid(SAVED, replace(SAVED, actions=(*SAVED.actions, more)))
    assert part.actions == SAVED.actions
    assert fell == ("new: alice/gadget: push 1 ref on beta.example",)


def test_what_stands_on_another_state_than_the_reviewed_one_waits_with_it() -> None:
    """The push was reviewed, and the state that authorises it is another one now."""
    other = state(WIDGET, "alpha", "b")
    fresh = replace(SAVED, actions=(other, *SAVED.actions[1:]))
    assert kept(fresh) == {SAVED.actions[2].key, SAVED.actions[3].key}


@pytest.mark.parametrize("count", [0, 2, 4])
def test_what_was_not_in_the_part_is_no_failure_of_it(count: int) -> None:
    part = replace(SAVED, actions=SAVED.actions[:count])
    assert only(SAVED, part).actions == SAVED.actions[:count]
