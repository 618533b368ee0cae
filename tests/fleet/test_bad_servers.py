"""One bad server never stops the others: its cells are unknown, and the reason is told in time."""

from __future__ import annotations

import pytest

from tests.kit.program import Case

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
