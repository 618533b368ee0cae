"""Looking back: status, history, report, verify, explain; each from outside, on real servers."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reconciler.sandbox.faults import Aim
from tests.kit.program import Case, reconcile


@pytest.fixture
def ran(case: Case) -> Case:
    """One apply that copied a repository from the first to the second server."""
    case.start("one", "two")
    case.repository("widget", on=["one"])
    path = case.desired()
    named = [
        f"{{url: {case.servers[name].url}, name: {name}, delegate: never}}"
        for name in ("one", "two")
    ]
    lines = path.read_text().splitlines()
    lines[1] = f"servers: [{', '.join(named)}]"
    path.write_text("\n".join(lines) + "\n")
    done = case.reconcile("--apply", "--save", f"html={case.folder}/page.html")
    assert done.code == 0, done.err
    return case


def test_status_tells_the_last_run_from_its_report_alone(ran: Case) -> None:
    ran.stop()
    done = ran.reconcile("status")
    assert done.code == 0, done.err
    assert "Everything is in sync." in done.out
    assert "one, two" in done.out
    assert "last run: " in done.out


def test_status_leaves_with_the_code_of_that_run_and_says_what_is_wrong(ran: Case) -> None:
    ran.servers["two"].faults.set("http-502", Aim(path="info/refs"))
    assert ran.reconcile("--apply").code == 6
    done = ran.reconcile("status")
    assert done.code == 6
    assert "Unknown: could not be learnt; each run asks again" in done.out
    assert "two, since " in done.out
    assert ran.reconcile("--exit-zero-on", "6", "status").code == 0


def test_history_tells_what_was_done_and_when(ran: Case) -> None:
    done = ran.reconcile("history", "alice/widget@two")
    assert done.code == 0, done.err
    assert "alice/widget on two" in done.out
    assert "in sync" in done.out
    assert "+ refs/heads/main" in done.out
    wrong = ran.reconcile("history", "alice/widgit")
    assert wrong.code == 78
    assert "no report knows the cell alice/widgit" in wrong.err


def test_reports_are_listed_shown_in_every_form_and_verified(ran: Case) -> None:
    ran.reconcile("--plan")
    assert ran.reconcile("report", "list").out.count("exit code") == 2
    whole = ran.reconcile("report", "verify")
    assert (whole.code, "2 reports, each as it was written" in whole.out) == (0, True)
    shown = ran.reconcile("report", "show", "latest-apply", "--format", "json").out
    assert json.loads(shown)["mode"] == "apply"
    xml = ran.reconcile("report", "show", "--format", "junit").out
    assert ElementTree.fromstring(xml).attrib["tests"] == "2"
    assert "<!doctype html>" in ran.reconcile("report", "show", "--format", "html").out
    path = sorted((ran.folder / "reports").glob("2*.json"))[0]
    path.write_text(path.read_text().replace('"mode": "apply"', '"mode": "plan"'))
    broken = ran.reconcile("report", "verify")
    assert broken.code == 3
    assert "one before it was changed" in broken.err


def test_a_view_is_saved_beside_what_is_shown(ran: Case) -> None:
    assert "<!doctype html>" in (ran.folder / "page.html").read_text()
    lost = ran.reconcile("--plan", "--save", "html=/dev/null/page.html")
    assert lost.code == 0
    assert "/dev/null/page.html" in lost.err
    assert ran.reconcile("--plan", "--save", "tapestry=x").code == 64


def test_reports_beyond_keep_go_and_the_chain_stays_whole(ran: Case) -> None:
    for _ in range(3):
        ran.reconcile("--plan", "--keep", "2")
    assert ran.reconcile("report", "list").out.count("exit code") == 2
    assert ran.reconcile("report", "verify").code == 0
    assert ran.reconcile("report", "show", "latest-apply").out.startswith("\nApplied: ")


def test_without_reports_there_is_a_word_and_not_a_trace(tmp_path: Path) -> None:
    for words in (["status"], ["report", "list"], ["history", "x"], ["report", "verify"]):
        done = reconcile(tmp_path, *words)
        assert done.code == 78
        assert "there is no report here" in done.err


def test_explain_names_who_decides_and_what_is_there(ran: Case) -> None:
    ran.servers["two"].faults.set("http-502", Aim(path="info/refs"))
    done = ran.reconcile("explain", "alice/widget")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "may speak for it: alice (the owner" in said
    assert "state that counts: " in said
    assert "served by one, two" in said
    assert "as the state has them" in said.partition("alice/widget on one")[2]
    assert "? git side: http-error: 502" in said.partition("alice/widget on two")[2]
    assert ran.reconcile("explain", "alice/nothing").code == 78


def test_verify_asks_the_servers_alone_and_needs_no_report(ran: Case) -> None:
    done = ran.reconcile("verify")
    assert done.code == 0, done.out
    assert done.out.count("= family: taken for ngit-grasp") == 2
    assert "= clock: +0 s from ours" in done.out or "1 s from ours" in done.out
    ran.servers["two"].faults.set("http-502", Aim(path="info/refs"))
    assert ran.reconcile("verify").code == 6
    ran.servers["two"].kill()
    gone = ran.reconcile("verify")
    assert gone.code == 6
    assert "? relay: connection-refused" in gone.out


def test_verify_says_what_is_no_grasp_server(case: Case) -> None:
    case.start("plain", grasp=False)
    case.desired()
    done = case.reconcile("verify")
    assert done.code == 3
    assert "x document: " in done.out


def test_a_report_says_who_ran_it_and_how_long_its_stages_took(ran: Case) -> None:
    report = json.loads((ran.folder / "reports" / "latest.json").read_text())
    assert "@" in report["actor"]
    assert report["commit"] is None
    assert [stage["name"] for stage in report["stages"]][:2] == ["observe", "refs"]
    env = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "alice", "GITHUB_RUN_ID": "7"}
    env |= {"GITHUB_SERVER_URL": "https://forge.example", "GITHUB_REPOSITORY": "a/b"}
    ran.reconcile("--plan", **env)
    report = json.loads((ran.folder / "reports" / "latest.json").read_text())
    assert report["actor"] == "alice https://forge.example/a/b/actions/runs/7"
