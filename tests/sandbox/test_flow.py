"""The whole way: announcement, purgatory, state, push, served."""

from __future__ import annotations

import pytest

from reconciler.nostr import kinds
from tests.kit.git import Work
from tests.kit.servers import ALICE, PARKED, head, publish, remote_refs, served

from .conftest import Starter


@pytest.mark.parametrize("family", ["spec", "ngit-grasp"])
def test_announcement_state_push_served(starter: Starter, work: Work, family: str) -> None:
    server = starter(family=family)
    first = work.commit("first")
    second = work.commit("second", first)
    refs = {"refs/heads/main": second, "refs/heads/ünïcode/☃": first, "refs/tags/v1": first}
    announcement = ALICE.announce(server, "my widget ☃")
    state = ALICE.state("my widget ☃", refs)
    assert publish(server, announcement, state) == [(True, PARKED), (True, PARKED)]
    assert served(server, kinds=[kinds.ANNOUNCEMENT, kinds.STATE]) == []
    assert remote_refs(server, ALICE, "my widget ☃") == {}

    assert work.push(server, ALICE, "my widget ☃", *(f"{oid}:{name}" for name, oid in refs.items()))

    assert set(served(server)) == {announcement.id, state.id}
    assert remote_refs(server, ALICE, "my widget ☃") == refs | {"HEAD": second}
    assert head(server, ALICE, "my widget ☃") == "main"
    assert server.counters.snapshot()["pushes_authorised"] == 1
