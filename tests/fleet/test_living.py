"""Servers that work by themselves: started by one announcement, given time, and helped."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from reconciler.edge.memory import MemoryFile
from reconciler.model.observed import Delegated, Memory
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.faults import Aim
from tests.kit.program import Case, Result, command

NAMES = ("gadget", "widget")


def fleet(case: Case, *, sync: bool) -> None:
    """One full server and an empty one, which reads the relays of its announcements or not."""
    case.start("full")
    case.start("empty", sync=sync)
    for name in NAMES:
        case.repository(name, on=["full"])
    case.desired(delegate=True)


def sent(done: Result) -> int:
    return int(done.report["events_sent"]) + int(done.report["pushes_sent"])


def test_one_announcement_starts_a_server_and_the_rest_comes_by_itself(case: Case) -> None:
    fleet(case, sync=True)
    done = case.reconcile("--apply")
    assert done.code == 0, done.out
    assert sent(done) == 1
    assert [case.refs("empty", n) == case.refs("full", n) != {} for n in NAMES] == [True, True]
    results = [outcome["result"] for outcome in done.report["outcomes"]]
    assert (results.count("done"), results.count("unchanged")) == (1, 5)
    again = case.reconcile("--apply")
    assert (again.code, sent(again), again.report["outcomes"]) == (0, 0, [])


def test_what_is_not_there_at_the_end_of_the_wait_settles_and_is_no_failure(case: Case) -> None:
    fleet(case, sync=False)
    done = case.reconcile("--apply", "--wait", "0", "--detailed-exitcode")
    assert done.code == 2
    assert done.recap(case.servers["empty"].url)["settling"] == 2
    assert "Settling: on its way" in done.out
    assert "127.0.0.1" in done.out
    assert "until" in case.reconcile("--plan").out


def test_what_a_server_has_not_done_in_its_time_the_next_run_does(case: Case) -> None:
    fleet(case, sync=False)
    now, url = int(time.time()), case.servers["empty"].url
    past = [
        Delegated(url, Coordinate(case.owner.pubkey, name), now - 90, now - 30) for name in NAMES
    ]
    (case.folder / "state").mkdir()
    MemoryFile(case.folder / "state" / "memory.sqlite3").save(Memory(delegated=tuple(past)))
    done = case.reconcile("--apply")
    assert done.code == 0, done.out
    assert sent(done) == 6
    assert [case.refs("empty", n) == case.refs("full", n) != {} for n in NAMES] == [True, True]


@pytest.mark.long
def test_a_server_that_promises_and_does_nothing_is_helped_in_the_same_run(case: Case) -> None:
    fleet(case, sync=False)
    done = case.reconcile("--apply", seconds=120)
    assert done.code == 0, done.out
    assert sent(done) == 6
    assert case.reconcile("--apply").report["outcomes"] == []


@pytest.mark.long
def test_of_what_a_server_fetches_in_part_only_the_rest_is_sent(case: Case) -> None:
    fleet(case, sync=True)
    widget = Coordinate(case.owner.pubkey, "widget")
    issues = [
        authors.issue(case.owner, widget, f"bug {n}", at=case.now - 20 + n) for n in range(20)
    ]
    history.send(case.servers["full"].url, issues)
    empty, wanted = case.servers["empty"], Filter(ids=tuple(issue.id for issue in issues))
    empty.faults.set("partial-sync", Aim(message=f"EVENT {kinds.ISSUE} ", value=50))
    done = case.reconcile("--apply", "--wait", "10s")
    there = len(empty.events(wanted))
    assert (done.code, sent(done)) == (0, 1)
    assert 0 < there < 20
    memory, now = MemoryFile(case.folder / "state" / "memory.sqlite3"), int(time.time())
    left = memory.load(now)
    over = tuple(replace(one, until=now - 1) for one in left.delegated)
    memory.save(replace(left, delegated=over))
    again = case.reconcile("--apply")
    assert (again.code, sent(again)) == (0, 20 - there)
    assert len(empty.events(wanted)) == 20


def test_a_server_that_is_never_left_alone_is_sent_everything(case: Case) -> None:
    fleet(case, sync=True)
    case.desired(delegate=False)
    done = case.reconcile("--apply")
    assert done.code == 0, done.out
    assert sent(done) == 6


def test_a_stop_while_it_waits_ends_the_run_and_makes_no_server_unknown(case: Case) -> None:
    fleet(case, sync=False)
    with subprocess.Popen(
        command(case.folder, "-f", case.folder / "desired-state.yaml", "--apply"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr
        while "settle" not in (line := run.stderr.readline()):
            assert line, "it never settled"
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == 130
    report = json.loads((case.folder / "reports" / "latest.json").read_text())
    assert report["exit_codes"] == [130, 2]
    assert {row["unreachable"] for row in report["recap"]} == {0}
