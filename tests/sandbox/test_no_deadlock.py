"""The event waits for its push and the push for its event: both orders end well in every family.

A server that asked only its database would refuse the push of a state that waits in purgatory, and
the state would wait for that push for ever.
"""

from __future__ import annotations

import pytest

from reconciler.nostr import kinds
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.servers import ALICE, MALLORY, NOW, publish, remote_refs, served

from .conftest import Starter

MAIN = "refs/heads/main"
ALL = sorted(PRESETS)
WAITS_FOR_EVENT = sorted(set(ALL) - {"khatru"})


def settle(server: RunningServer, clock: Clock) -> None:
    """Whatever the family does a little later."""
    clock.advance(31)
    remote_refs(server, ALICE, "widget")


@pytest.fixture
def fresh(starter: Starter, request: pytest.FixtureRequest, clock: Clock) -> RunningServer:
    server = starter("fresh", request.param)
    assert publish(server, ALICE.announce(server, "widget"))[0][0]
    clock.advance(1)
    return server


@pytest.mark.parametrize("fresh", ALL, indirect=True)
def test_a_state_and_then_its_push_are_served(
    fresh: RunningServer, work: Work, clock: Clock
) -> None:
    commit = work.commit("one")
    state = ALICE.state("widget", {MAIN: commit})
    assert publish(fresh, state)[0][0]
    work.push(fresh, ALICE, "widget", f"{commit}:{MAIN}")
    settle(fresh, clock)
    assert remote_refs(fresh, ALICE, "widget")[MAIN] == commit
    assert served(fresh, kinds=[kinds.STATE]) == [state.id]


@pytest.mark.parametrize("fresh", ALL, indirect=True)
def test_a_refused_push_then_the_state_then_the_push(
    fresh: RunningServer, work: Work, clock: Clock
) -> None:
    commit = work.commit("one")
    assert not work.push(fresh, ALICE, "widget", f"{commit}:{MAIN}")
    state = ALICE.state("widget", {MAIN: commit})
    assert publish(fresh, state)[0][0]
    work.push(fresh, ALICE, "widget", f"{commit}:{MAIN}")
    settle(fresh, clock)
    assert remote_refs(fresh, ALICE, "widget")[MAIN] == commit
    assert served(fresh, kinds=[kinds.STATE]) == [state.id]


@pytest.mark.parametrize("fresh", WAITS_FOR_EVENT, indirect=True)
@pytest.mark.parametrize("event_first", [True, False])
def test_pull_request_in_both_orders(
    fresh: RunningServer, work: Work, clock: Clock, event_first: bool
) -> None:
    base = work.commit("one")
    assert publish(fresh, ALICE.state("widget", {MAIN: base}))[0][0]
    work.push(fresh, ALICE, "widget", f"{base}:{MAIN}")
    settle(fresh, clock)
    tip = work.commit("two", base)
    pull = MALLORY.pull(ALICE, "widget", tip, at=NOW + 1)
    if event_first:
        assert publish(fresh, pull)[0][0]
    assert work.push(fresh, ALICE, "widget", f"{tip}:refs/nostr/{pull.id}")
    if not event_first:
        assert publish(fresh, pull)[0][0]
    settle(fresh, clock)
    assert remote_refs(fresh, ALICE, "widget")[f"refs/nostr/{pull.id}"] == tip
    assert served(fresh, kinds=[kinds.PULL_REQUEST]) == [pull.id]
