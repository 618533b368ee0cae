"""Pull request, comment, merge, apply, drift, alarm: the scripts of the workflows, on real servers
and a real git repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from reconciler.sandbox.demo import history
from tests.kit.program import Case, command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCRIPTS = DEPLOY / "ci"
_GIT = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")


@dataclass
class Forge:
    """A repository with a desired state, and a job's shell in it."""

    case: Case
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *_GIT, *words], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def job(self, script: str, *words: str, **env: str) -> tuple[int, str]:
        given = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.env, **env}
        done = subprocess.run(
            ["sh", str(SCRIPTS / script), *words],
            cwd=self.folder,
            env=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def desire(self, servers: int) -> None:
        """Write the desired state with so many of the servers."""
        path = self.case.desired(delegate=False)
        first, *others = path.read_text().splitlines()
        places = others[0].split("}, {")[:servers]
        others[0] = "}, {".join(places).rstrip("}]") + "}]"
        text = "\n".join([first, *others]) + "\n"
        (self.folder / "desired-state.yaml").write_text(text)


@pytest.fixture
def forge(case: Case) -> Forge:
    """Main asks for one server, which has the repository; a branch asks for a second one."""
    case.start("one", "two")
    case.repository("widget", on=["one"])
    folder = case.folder / "forge"
    folder.mkdir()
    program = folder / "reconcile"
    words = " ".join(f"'{word}'" for word in command(case.folder))
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)
    found = Forge(case, folder, {"RECONCILE": str(program)})
    found.git("init", "-q", "-b", "main")
    found.desire(1)
    found.git("add", "desired-state.yaml")
    found.git("commit", "-q", "-m", "one server")
    found.git("switch", "-q", "-c", "second")
    found.desire(2)
    found.git("commit", "-q", "-am", "a second server")
    return found


def test_a_change_is_planned_reviewed_merged_applied_and_watched(forge: Forge) -> None:
    code, said = forge.job("plan.sh", BASE_REF="main")
    assert code == 0, said
    comment = (forge.folder / "comment.md").read_text()
    assert "From the change under review: 1" in comment
    assert "Due without it: drift" not in comment
    forge.git("switch", "-q", "main")
    forge.git("merge", "-q", "--no-ff", "-m", "reviewed", "second")
    code, said = forge.job("apply.sh", "plan.json")
    assert code == 0, said
    assert forge.case.refs("two", "widget") == forge.case.refs("one", "widget") != {}
    assert "### Applied: " in (forge.folder / "outcome.md").read_text()
    report = json.loads((forge.case.folder / "reports" / "latest-apply.json").read_text())
    assert report["commit"] == forge.git("rev-parse", "HEAD")
    assert forge.job("drift.sh")[0] == 0
    history.extend(forge.case.sources["widget"], 5)
    forge.case.host("widget", None, ["one"], at=forge.case.now)
    assert forge.job("drift.sh")[0] == 2
    assert "1 drifted" in (forge.folder / "drift.md").read_text()


def test_what_moved_since_the_review_falls_away_and_the_job_says_so(forge: Forge) -> None:
    assert forge.job("plan.sh", BASE_REF="main")[0] == 0
    forge.git("switch", "-q", "main")
    forge.git("merge", "-q", "--no-ff", "-m", "reviewed", "second")
    history.extend(forge.case.sources["widget"], 5)
    forge.case.host("widget", None, ["one"], at=forge.case.now)
    code, said = forge.job("apply.sh", "plan.json")
    assert code in (0, 2), said
    assert "changed: alice/widget: push" in " ".join(said.split())
    assert forge.case.refs("two", "widget") == {}  # announced, as it was reviewed, and no more


def test_a_guard_fails_the_check_of_a_pull_request_and_a_mistake_does(forge: Forge) -> None:
    path = forge.folder / "desired-state.yaml"
    path.write_text(path.read_text().replace("npubs:", "nbubs:"))
    code, said = forge.job("plan.sh", BASE_REF="main")
    assert code == 78
    assert 'unknown key "nbubs"' in said


def test_a_pull_request_opens_no_way_into_the_network_of_the_runner(forge: Forge) -> None:
    forge.git("switch", "-q", "main")
    path = forge.folder / "desired-state.yaml"
    path.write_text(
        path.read_text().replace("127.0.0.0/8", "10.0.0.0/8").replace("http:", "https:")
    )
    forge.git("commit", "-q", "-am", "main allows no loopback")
    forge.git("switch", "-q", "second")
    code, said = forge.job("plan.sh", BASE_REF="main")
    assert code == 0, said  # 6 is no failure of a check
    assert "egress-refused" in (forge.folder / "comment.md").read_text()


GH = """
import json, sys
from pathlib import Path
store = Path(__file__).with_name("comments.json")
comments = json.loads(store.read_text()) if store.exists() else []
words = sys.argv[2:]
if "--input" in words:
    body = json.loads(Path(words[words.index("--input") + 1]).read_text())["body"]
    if "PATCH" in words:
        comments[0] = body
    else:
        comments.append(body)
    store.write_text(json.dumps(comments))
    print("{}")
else:
    marker = words[words.index("--jq") + 1].split('startswith("')[1].split('")')[0]
    print("7" if any(body.startswith(marker) for body in comments) else "")
"""
"""Stands for the forge's own program: keeps comments, as the two calls of the script use it."""


def test_a_pull_request_has_one_comment_however_often_it_changes(forge: Forge) -> None:
    stand_in = forge.folder / "bin" / "gh"
    stand_in.parent.mkdir()
    stand_in.write_text(f"#!{sys.executable}\n{GH}")
    stand_in.chmod(0o755)
    env = {"GH_REPO": "a/b", "PR": "3", "PATH": f"{stand_in.parent}:{os.environ['PATH']}"}
    for text in ("first", "second; $(touch stolen) `touch stolen` \"'"):
        body = f"<!-- grasp-reconciler:plan -->\n{text}\n"
        (forge.folder / "comment.md").write_text(body)
        code, said = forge.job("comment.sh", "comment.md", **env)
        assert code == 0, said
    assert json.loads((stand_in.parent / "comments.json").read_text()) == [body]
    assert not (forge.folder / "stolen").exists()


class _Alarm(BaseHTTPRequestHandler):
    heard: ClassVar[list[Any]] = []

    def do_POST(self) -> None:  # the library's name
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def alarm() -> Iterator[str]:
    """A webhook."""
    _Alarm.heard.clear()
    server = HTTPServer(("127.0.0.1", 0), _Alarm)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_an_alarm_goes_off_when_something_is_not_well_and_once_when_it_is_again(
    forge: Forge, alarm: str
) -> None:
    case = forge.case
    assert forge.job("drift.sh", RECONCILE_NOTIFY=alarm)[0] == 2
    assert _Alarm.heard == []  # a plan with work to do is no alarm: the job is red
    case.servers["two"].faults.set("http-502")
    forge.job("drift.sh", RECONCILE_NOTIFY=alarm)
    case.servers["two"].faults.clear()
    for _ in range(2):
        forge.job("drift.sh", RECONCILE_NOTIFY=alarm)
    assert [message["status"] for message in _Alarm.heard] == ["degraded", "ok"]
    assert "GRASP reconciler: degraded" in _Alarm.heard[0]["text"]


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=lambda path: path.name)
def test_every_example_is_yaml(path: Path) -> None:
    assert yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("github/*.yml")), ids=lambda path: path.name)
def test_a_workflow_says_what_it_may_and_trusts_no_tag(path: Path) -> None:
    text = path.read_text()
    workflow: Any = yaml.safe_load(text)
    assert workflow["permissions"]["contents"] == "read"
    assert "pull_request_target" not in text
    for use in re.findall(r"uses: (\S+)", text):
        assert re.search(r"@[0-9a-f]{40}$", use)
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        # what an event says is a stranger's word: it goes through the environment
        for step in job["steps"]:
            assert "github.event" not in step.get("run", "")
            assert "github.head_ref" not in step.get("run", "")


def test_secrets_are_for_jobs_that_write_and_never_for_pull_requests() -> None:
    for path in DEPLOY.glob("github/*.yml"):
        text = path.read_text()
        if "GRASP_SIGNERS" in text.partition("jobs:")[2]:
            assert "environment: grasp" in text
            assert "pull_request:" not in text
