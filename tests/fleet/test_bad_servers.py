"""One bad server never stops the others: its cells are unknown, and the reason is told in time."""

from __future__ import annotations

import socket
import time

import pytest

from reconciler.limits import READ_SECONDS
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from tests.kit.peers import door, drip, request
from tests.kit.program import DAY, Case, newest

FAULTS = {"hang": "timed-out", "http-500": "500", "ws-cut": "connection-cut"}


@pytest.fixture(params=sorted(FAULTS))
def fault(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_faulty_server_is_named_and_the_others_converge(case: Case, fault: str) -> None:
    case.start("good", "empty", "bad")
    case.repository("widget", on=["good", "bad"])
    case.desired()
    case.servers["bad"].faults.set(fault)
    done = case.reconcile("--apply", seconds=45)
    assert case.refs("empty", "widget") == case.refs("good", "widget") != {}
    assert done.verdicts(case.servers["bad"].url) == {"unknown"}
    assert FAULTS[fault] in done.recap(case.servers["bad"].url)["detail"]
    assert done.recap(case.servers["empty"].url)["ok"] == 1
    assert done.code == 6
    assert done.report["exit_codes"] == [6]


def hang(connection: socket.socket) -> None:
    request(connection)
    time.sleep(120)


def drip_body(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    drip(connection, b" " * 900, every=0.5)


def test_a_server_that_drips_costs_hardly_more_than_one_that_hangs(case: Case) -> None:
    case.start("good", "empty")
    with door(drip_body) as slow, door(hang) as silent:
        case.extra_servers += [slow.url, silent.url]
        case.repository("widget", on=["good"])
        case.desired()
        start = time.monotonic()
        done = case.reconcile("--apply", seconds=90)
        took = time.monotonic() - start
    assert case.refs("empty", "widget") == case.refs("good", "widget") != {}
    assert "it drips" in done.recap(slow.url)["detail"]
    assert "no answer in time" in done.recap(silent.url)["detail"]
    assert READ_SECONDS < took < 3 * READ_SECONDS


def test_relays_that_only_an_announcement_names_are_waited_for_together(case: Case) -> None:
    case.start("good")
    with door(hang) as one, door(hang) as two, door(hang) as three, door(hang) as four:
        case.extra_servers += [place.url for place in (one, two, three, four)]
        case.repository("widget", on=["good"])
        del case.extra_servers[:]
        case.start("new")
        case.desired(signer=True)
        start = time.monotonic()
        case.reconcile("--apply", "--keys", case.folder / "keys", seconds=90)
        took = time.monotonic() - start
    assert all(place.connections for place in (one, two, three, four))
    assert took < 3 * READ_SECONDS


def test_when_the_fault_is_gone_the_next_run_is_whole(case: Case) -> None:
    case.start("good", "bad")
    case.repository("widget", on=["good"])
    case.desired()
    case.servers["bad"].faults.set("http-500")
    assert case.reconcile("--apply").code == 6
    case.servers["bad"].faults.clear()
    done = case.reconcile("--apply")
    assert (done.code, done.verdicts(case.servers["bad"].url)) == (0, {"in-sync"})
    assert case.refs("bad", "widget") == case.refs("good", "widget")


def test_the_only_source_is_down_and_nothing_is_deleted_anywhere(case: Case) -> None:
    case.start("old", "new")
    case.repository("widget", on=["old", "new"])
    before = case.refs("old", "widget")
    case.desired()
    case.servers["new"].faults.set("hang")
    done = case.reconcile("--apply", seconds=45)
    assert case.refs("old", "widget") == before
    assert done.report["pushes_sent"] == done.report["events_sent"] == 0


def test_a_yes_that_comes_to_nothing_is_a_failure_and_then_a_hold(case: Case) -> None:
    """ngit-relay takes the author's newer `repo-cli` for a version of `repo`."""
    case.start("full")
    case.start("other", family="ngit-relay")
    case.repository("repo", on=["full"])
    case.repository("repo-cli", on=["full"])
    places = [server.url for server in case.servers.values()]
    newer = authors.announce(case.owner, "repo-cli", places, at=case.now - DAY, root="0" * 40)
    for url in places:
        history.send(url, [newer])
    case.desired()
    url, words = case.servers["other"].url, "the server said yes, and does not serve it"
    said = case.reconcile("--apply")
    coordinate = Coordinate(case.owner.pubkey, "repo")
    (announced,) = newest([case.servers["full"].url], kinds.ANNOUNCEMENT, coordinate).values()
    results = {outcome["key"]: outcome for outcome in said.report["outcomes"]}
    outcome = results[f"publish:{url}:{announced}"]
    assert (outcome["result"], outcome["detail"]) == ("failed", words)
    assert said.code == 3
    held = case.reconcile("--apply")
    for hold in held.report["holds"]:
        assert (hold["server"], hold["reason"]) == (url, "refused-by-server")
        assert words in hold["detail"]
    assert (held.code, held.report["outcomes"]) == (7, [])
