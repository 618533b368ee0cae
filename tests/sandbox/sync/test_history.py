"""NIP-77 between two real servers: only what is missing travels."""

from __future__ import annotations

from reconciler.nostr import kinds
from tests.kit.git import Work
from tests.kit.patience import eventually
from tests.kit.servers import ALICE, BOB, NOW, Fleet, announce, has, put

ADDRESS = f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"


def test_the_daily_round_fetches_the_one_event_that_is_missing(fleet: Fleet, work: Work) -> None:
    issues = [BOB.sign(kinds.ISSUE, ("a", ADDRESS), at=NOW + n) for n in range(300)]
    one = fleet.start("one")
    commit = work.commit("main")
    announcement = announce(ALICE, "widget", one)
    put(one, announcement, ALICE.state("widget", {"refs/heads/main": commit}))
    assert work.push(one, ALICE, "widget", f"{commit}:refs/heads/main")
    for event in issues[:299]:
        one.seed(event)
    two = fleet.start("two", sync=True, grasp=False, bootstrap=one.relay_url)
    eventually(lambda: has(two, announcement, *issues[:299]))
    eventually(lambda: not two.figures().batches_pending)
    one.seed(issues[299])  # nobody is told
    before = one.counters.snapshot()
    fleet.clock.advance(25 * 3600)
    eventually(lambda: has(two, *issues))
    after = one.counters.snapshot()
    eventually(lambda: dict(two.figures().events)["daily"] == 1)
    assert after["negs"] > before["negs"]
    assert after["reqs"] - before["reqs"] <= 2, "the ids of one event, and the empty page behind"
