"""What the sync tells /metrics of relays and git servers, by name."""

from __future__ import annotations

from reconciler.sandbox.faults import Aim
from reconciler.sandbox.metrics.figures import OTHER, Labels
from tests.kit.git import Work
from tests.kit.patience import eventually
from tests.kit.servers import ALICE, BOB, Fleet, announce, has, put

from ..test_metrics import figures

MAIN = "refs/heads/main"


def test_relays_and_domains_by_name(fleet: Fleet, work: Work) -> None:
    one = fleet.start("one")
    two = fleet.start("two", sync=True, bootstrap=one.relay_url)
    relay, domain = one.relay_url, one.url.removeprefix("http://")
    assert figures(two)["purgatory_sync_oids_fetched_total", ()] == 0
    commit = work.commit("main")
    announcement, state = announce(ALICE, "widget", one, two), ALICE.state("widget", {MAIN: commit})
    put(one, announcement, state)
    assert work.push(one, ALICE, "widget", f"{commit}:{MAIN}")
    eventually(lambda: has(two, announcement, state))

    # delivering comes before counting
    eventually(lambda: figures(two)["purgatory_sync_oids_fetched_total", ()] == 1)
    found = figures(two)
    assert found["ngit_sync_relay_connected", (relay,)] == 1
    assert found["ngit_sync_connection_attempts_total", (relay, "success")] == 1
    assert found["purgatory_domain_requests_total", (domain,)] == 1
    eventually(lambda: ("purgatory_domain_in_flight", (domain,)) not in figures(two))

    one.faults.set("hang", Aim(path=".git/"))
    other = work.commit("other")
    put(two, announce(BOB, "gadget", two, one), BOB.state("gadget", {MAIN: other}))
    fleet.clock.advance(180)
    eventually(lambda: figures(two).get(("purgatory_domain_in_flight", (domain,))) == 1)
    eventually(lambda: figures(two)["purgatory_domain_requests_total", (domain,)] == 2)

    one.kill()
    eventually(lambda: figures(two)["ngit_sync_relay_connected", (relay,)] == 0)
    fleet.clock.advance(60)
    failed = ("ngit_sync_connection_attempts_total", (relay, "failure"))
    eventually(lambda: figures(two).get(failed, 0) > 0)
    assert figures(two)["ngit_sync_connection_attempts_total", (relay, "success")] == 1


def test_labels_are_bounded_and_the_rest_is_summed() -> None:
    labels = Labels(2)
    assert [labels.of(name) for name in "abcab"] == ["a", "b", OTHER, "a", "b"]
    assert labels.counts({"c": 1, "b": 2, "d": 3}) == (("b", 2), (OTHER, 4))
