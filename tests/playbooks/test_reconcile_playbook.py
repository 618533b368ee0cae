"""The playbook as its users run it: ansible-playbook as a child, on the fleet's real servers."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reconciler.sandbox.demo.fleet import DemoFleet, start_fleet
from reconciler.sandbox.faults import Aim
from tests.kit.program import Case

TOP = Path(__file__).resolve().parents[2]
PLAYBOOK = TOP / "playbooks" / "reconcile.yml"

LONELY = """\
version: 1
servers: [http://127.0.0.1:1]
npubs: [{npub: npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6, name: alice}]
policies: {egress: {allow_private: [127.0.0.0/8]}}
"""
"""A desired state whose only server is down."""


@dataclass(frozen=True)
class Ansible:
    """Runs the playbook; all that Ansible writes down goes under `folder`."""

    folder: Path

    def play(self, *flags: str, **variables: Any) -> Play:
        home = self.folder / "ansible"
        given = {
            "state_dir": str(self.folder / "state"),
            "report_dir": str(self.folder / "reports"),
            **variables,
        }
        words = [str(Path(sys.executable).with_name("ansible-playbook")), str(PLAYBOOK)]
        done = subprocess.run(
            [*words, *flags, "-e", json.dumps(given)],
            cwd=TOP,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder / "home"),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_HOME": str(home),
                "ANSIBLE_LOCAL_TEMP": str(home / "local"),
                "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCALHOST_WARNING": "0",
                # must not reach the child: a check is never an apply
                "RECONCILE_APPLY": "1",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Play(done.returncode, done.stdout + done.stderr)


@dataclass(frozen=True)
class Play:
    """How it ended."""

    code: int
    text: str

    def recap(self, word: str) -> int:
        found = re.search(rf"^localhost .*\b{word}=(\d+)", self.text, re.MULTILINE)
        assert found, self.text
        return int(found[1])


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[DemoFleet]:
    raised = start_fleet(tmp_path / "fleet")
    yield raised
    raised.stop()


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    (tmp_path / "home").mkdir()
    return Ansible(tmp_path)


def written(fleet: DemoFleet) -> list[tuple[int, int]]:
    """Events and pushes that each server ever received."""
    servers = (*fleet.servers.values(), fleet.index)
    counts = [server.counters.snapshot() for server in servers]
    return [(c["events_received"], c["pushes_received"]) for c in counts]


def test_a_small_fleet_changes_once(case: Case, ansible: Ansible) -> None:
    """A server that is down is a warning, and fails no play."""
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one", "two"])
    case.extra_servers.append("http://127.0.0.1:1")
    given = {
        "desired_state": str(case.desired(signer=True)),
        "keys_file": str(case.folder / "keys"),
    }
    check = ansible.play("--check", "--diff", **given)
    assert (check.code, check.recap("changed")) == (0, 1), check.text
    assert "1 repository on 3 servers, 3 cells" in check.text
    assert "could not be observed: connection-refused" in check.text
    assert case.servers["two"].counters.snapshot()["events_received"] == 0
    applied = ansible.play(**given)
    assert (applied.code, applied.recap("changed")) == (0, 1), applied.text
    assert case.refs("two", "widget") == case.refs("one", "widget") != {}
    again = ansible.play(**given)
    assert (again.code, again.recap("changed")) == (0, 0), again.text
    assert case.owner.nsec() not in check.text + applied.text + again.text


@pytest.mark.long
def test_check_apply_check_apply_change_once(fleet: DemoFleet, ansible: Ansible) -> None:
    desired, keys = str(fleet.desired), str(fleet.keys)
    before = written(fleet)

    check = ansible.play("--check", "--diff", desired_state=desired)
    assert (check.code, check.recap("changed")) == (0, 1), check.text
    assert written(fleet) == before
    assert "12 repositories on 5 servers" in check.text
    assert "12 repositories on " in check.text
    assert "could not be observed: http-error: 502" in check.text

    applied = ansible.play(desired_state=desired, keys_file=keys)
    assert (applied.code, applied.recap("changed")) == (0, 1), applied.text
    after = written(fleet)
    assert after != before
    assert "held back: 4 x server-not-listed" in applied.text

    for flags in (["--check"], []):
        again = ansible.play(*flags, desired_state=desired, keys_file=keys)
        assert (again.code, again.recap("changed")) == (0, 0), again.text
    assert written(fleet) == after

    secret = fleet.keys.read_text().split(": ")[1].split()[0]
    outputs = [play.text for play in (check, applied)]
    outputs += [path.read_text() for path in (ansible.folder / "reports").glob("*.json")]
    assert len(outputs) == 8  # two texts, four runs, the latest of them, and the latest apply
    assert not any(secret in text for text in outputs)
    assert not list((ansible.folder / "home").iterdir())


def test_a_down_server_fails_the_play_when_asked(ansible: Ansible) -> None:
    desired = ansible.folder / "lonely.yaml"
    desired.write_text(LONELY)
    play = ansible.play("--check", desired_state=str(desired), fail_on=["unknown"])
    assert (play.code, play.recap("failed")) == (2, 1)
    assert "the run ended as unknown" in play.text


def test_failed_pushes_fail_a_play_that_asks_for_nothing(case: Case, ansible: Ansible) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.servers["two"].faults.set("http-500", Aim(method="POST", path="git-receive-pack"))
    play = ansible.play(desired_state=str(case.desired()))
    assert (play.code, play.recap("failed")) == (2, 1), play.text
    assert "the run ended as failed" in play.text


def test_what_is_held_fails_no_play_unless_it_is_asked_for(case: Case, ansible: Ansible) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one"])
    desired = str(case.desired())
    play = ansible.play(desired_state=desired)
    assert (play.code, play.recap("failed")) == (0, 0), play.text
    assert "held back: 1 x server-not-listed" in play.text
    play = ansible.play(desired_state=desired, fail_on=["held"])
    assert (play.code, play.recap("failed")) == (2, 1)
    assert "the run ended as held" in play.text


def test_a_mistake_is_named_with_its_line(ansible: Ansible) -> None:
    wrong = ansible.folder / "wrong.yaml"
    wrong.write_text(LONELY.replace("policies:", "polices:"))
    play = ansible.play("--check", desired_state=str(wrong))
    assert (play.code, play.recap("failed"), play.recap("changed")) == (2, 1, 0)
    assert f"{wrong}:4:1: unknown key" in play.text


def test_ansible_finds_the_playbooks_syntax_right(ansible: Ansible) -> None:
    assert ansible.play("--syntax-check").code == 0


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("m", TOP / "playbooks/library/reconcile.py")
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


CELL = {"coordinate": "30617:aa:w", "server": "https://one"}
PUSH = {"action": "push", "wave": 4, **CELL}
NOTE = {"action": "publish", "event_id": "ee", "kind": 1621, "signed": False, **CELL}
DRAFT = {"action": "publish", "event_id": "dd", "kind": 30617, "signed": True, **CELL}
SIGN = {**CELL, "action": "sign", "adds": ["https://one"], "draft": {"kind": 30617}}


@pytest.mark.parametrize(
    ("actions", "withheld", "accepted", "keys", "expected"),
    [
        ([], [], False, True, False),
        ([PUSH], [], False, False, True),
        ([PUSH], ["push:https://one:30617:aa:w:4"], False, True, False),
        ([PUSH], ["push:https://one:30617:aa:w:4"], True, True, True),
        ([PUSH, NOTE], ["push:https://one:30617:aa:w:4"], False, True, False),
        ([NOTE, PUSH], ["publish:https://one:ee"], False, True, False),
        ([SIGN, DRAFT], ["publish:https://one:draft:30617:aa:w"], False, True, False),
        ([SIGN, DRAFT], [], False, True, True),
        ([SIGN, DRAFT, PUSH], ["sign:30617:aa:w"], False, True, False),
        ([SIGN, DRAFT], ["sign:30617:aa:w"], True, True, True),
        ([SIGN, DRAFT], [], False, False, False),
        ([SIGN, DRAFT, PUSH], [], False, False, False),
        ([SIGN], [], False, True, False),
    ],
)
def test_it_would_write_what_is_neither_withheld_nor_unsigned(
    module: ModuleType,
    actions: list[Any],
    withheld: list[str],
    accepted: bool,
    keys: bool,
    expected: bool,
) -> None:
    findings = [{"accepted": accepted, "keys": withheld}] if withheld else []
    plan: dict[str, Any] = {"actions": actions, "delegated": [], "created_at": 0}
    report = {"findings": findings}
    assert module.would_write(plan, report, keys=keys) is expected


def test_what_servers_still_have_time_for_would_not_be_written(module: ModuleType) -> None:
    key = "publish:https://one:ee"
    left = {"keys": [key], "until": 100}
    for now, expected in ((99, False), (100, True)):
        plan: dict[str, Any] = {"actions": [NOTE], "delegated": [left], "created_at": now}
        assert module.would_write(plan, {"findings": []}, keys=True) is expected
