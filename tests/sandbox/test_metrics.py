"""/metrics of two servers, read by Prometheus' own parser."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests
from prometheus_client.parser import text_string_to_metric_families

from reconciler.nostr import kinds
from reconciler.sandbox.server import RunningServer
from tests.kit.git import Work, git
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, MALLORY, hosted, publish, remote_refs

from .conftest import Starter


def figures(server: RunningServer) -> dict[tuple[str, tuple[str, ...]], float]:
    """Sample name and label values to number."""
    answer = requests.get(f"{server.url}/metrics", timeout=5)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_relay_purgatory_and_git(server: RunningServer, work: Work) -> None:
    commit = hosted(server, work, ALICE, "widget")
    publish(server, ALICE.announce(server, "waiting"), MALLORY.sign(kinds.ISSUE))
    publish(server, ALICE.state("waiting", {"refs/heads/main": "1" * 40}))
    assert not work.push(server, ALICE, "widget", f"+{commit}:refs/heads/other")
    git("ls-remote", f"{server.url}/nothing", check=False)
    remote_refs(server, ALICE, "widget")
    with Relay(server.relay_url) as relay:
        relay.query({"kinds": [1]})
        found = figures(server)
    assert found["ngit_websocket_connections_active", ()] == 1
    assert found["ngit_websocket_unique_ips", ()] == 1
    assert found["ngit_websocket_connections_total", ()] == 4
    assert found["ngit_websocket_messages_received_total", ("EVENT",)] == 5
    assert found["ngit_websocket_messages_sent_total", ("OK",)] == 5
    assert found["ngit_events_stored_total", ("30617",)] == 1
    assert found["ngit_events_rejected_total", ("1621", "policy")] == 1
    assert found["ngit_purgatory_entries", ("announcement",)] == 1
    assert found["ngit_purgatory_entries", ("state",)] == 1
    assert found["ngit_purgatory_entries", ("pull_request",)] == 0
    assert found["ngit_repositories_total", ()] == 2
    assert found["ngit_git_push_authorization_total", ("allowed",)] == 1
    assert found["ngit_git_push_authorization_total", ("denied",)] == 1
    assert found["ngit_git_operations_total", ("push", "success")] == 2
    assert found["ngit_git_operation_duration_seconds_count", ("push",)] == 2
    assert found["ngit_git_bytes_total", ("in",)] > 100
    assert found["ngit_build_info", ("1.0.2-30c47f3",)] == 1


def test_pushes_side_by_side_are_counted_once_each(server: RunningServer, work: Work) -> None:
    """In both books: the server's counters, and what it tells Prometheus."""
    commit = hosted(server, work, ALICE, "widget")
    allowed = [f"{commit}:refs/nostr/{number:064x}" for number in range(4)]
    denied = [f"{commit}:refs/heads/other{number}" for number in range(4)]
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda ref: work.push(server, ALICE, "widget", ref), (*allowed, *denied))
        assert list(done) == [True] * 4 + [False] * 4
    counted = server.counters.snapshot()
    assert (counted["pushes_authorised"], counted["pushes_refused"]) == (5, 4)
    found = figures(server)
    assert found["ngit_git_push_authorization_total", ("allowed",)] == 5
    assert found["ngit_git_push_authorization_total", ("denied",)] == 4


def test_a_registry_for_each_server(starter: Starter, work: Work) -> None:
    one, two = starter("one"), starter("two")
    hosted(one, work, ALICE, "widget")
    assert figures(one)["ngit_repositories_total", ()] == 1
    assert figures(two)["ngit_repositories_total", ()] == 0
    assert ("ngit_events_received_total", ("30617",)) not in figures(two)


def test_kinds_that_peers_choose_are_one_label(server: RunningServer) -> None:
    publish(server, *(MALLORY.sign(kind) for kind in range(3000, 3010)))
    found = figures(server)
    assert found["ngit_events_received_total", ("other",)] == 10
    assert not [labels for _, labels in found if "3000" in labels]


def test_sync_figures_are_there_from_the_start(server: RunningServer) -> None:
    found = figures(server)
    for name in (
        "ngit_sync_relays_connected_total",
        "ngit_sync_relays_tracked_total",
        "purgatory_sync_queue_size",
    ):
        assert found[name, ()] == 0
    assert found["purgatory_sync_attempts_total", ("success",)] == 0
