"""deploy.yml and fleet.yml as their users run them: into a root of its own, and on four workers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from tests.kit.program import Case

TOP = Path(__file__).resolve().parents[2]
ROLE = TOP / "playbooks" / "roles" / "reconciler"
BIN = Path(sys.executable).parent
UNITS = ["reconcile-watch.service", "reconcile.service", "reconcile.timer"]


@dataclass(frozen=True)
class Played:
    """How a playbook ended."""

    code: int
    text: str

    def recap(self, host: str, word: str) -> int:
        found = re.search(rf"^{host} .*\b{word}=(\d+)", self.text, re.MULTILINE)
        assert found, self.text
        return int(found[1])


def play(folder: Path, book: str, inventory: Path, *flags: str, **variables: Any) -> Played:
    """Run a playbook; all that Ansible writes down goes under `folder`."""
    home = folder / "ansible"
    words = [str(BIN / "ansible-playbook"), str(TOP / "playbooks" / book), "-i", str(inventory)]
    done = subprocess.run(
        [*words, *flags, "-e", json.dumps(variables)],
        cwd=TOP,
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_LOCAL_TEMP": str(home / "local"),
            "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Played(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An inventory whose one host is this machine."""
    path = tmp_path / "hosts.yml"
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    path.write_text(yaml.safe_dump({"reconcilers": {"hosts": {"here": host}}}))
    return path


@pytest.fixture
def wish(tmp_path: Path) -> Path:
    path = tmp_path / "desired-state.yaml"
    path.write_text((TOP / "desired-state.yaml").read_text())
    return path


def test_a_host_is_deployed_once_and_a_second_time_changes_nothing(
    tmp_path: Path, here: Path, wish: Path
) -> None:
    root = tmp_path / "root"
    secret = "alice-key: " + "nsec1" + "q" * 58
    given = {
        "reconciler_root": str(root),
        "reconciler_package": "",
        "reconciler_program": str(BIN / "reconcile"),
        "reconciler_desired_state_file": str(wish),
        "reconciler_signers": secret,
        "reconciler_calendar": "hourly",
    }
    first = play(tmp_path, "deploy.yml", here, "--diff", **given)
    assert first.code == 0, first.text
    assert first.recap("here", "changed") >= 5
    assert (root / "etc/reconcile/desired-state.yaml").read_text() == wish.read_text()
    keys = root / "etc/reconcile/signers"
    assert (keys.read_text(), keys.stat().st_mode & 0o777) == (secret, 0o600)
    assert secret not in first.text
    assert "OnCalendar=hourly" in (root / "etc/systemd/system/reconcile.timer").read_text()
    again = play(tmp_path, "deploy.yml", here, **given)
    assert (again.code, again.recap("here", "changed")) == (0, 0), again.text
    wish.write_text(wish.read_text().replace("servers:", "severs:"))
    wrong = play(tmp_path, "deploy.yml", here, **given)
    assert wrong.code == 2
    assert "severs" in wrong.text
    assert "\nservers:" in (root / "etc/reconcile/desired-state.yaml").read_text()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_program_is_installed_from_a_checkout_and_runs(
    tmp_path: Path, here: Path, wish: Path
) -> None:
    root = tmp_path / "root"
    given = {
        "reconciler_root": str(root),
        "reconciler_package": str(TOP),
        "reconciler_desired_state_file": str(wish),
    }
    done = play(tmp_path, "deploy.yml", here, **given)
    assert done.code == 0, done.text
    program = root / "opt/reconcile/bin/reconcile"
    assert subprocess.run([program, "--version"], capture_output=True, check=True).stdout


def defaults() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    return found | {"reconciler_signers": "some"}


@pytest.mark.parametrize("name", UNITS)
def test_the_role_writes_the_very_units_that_stand_beside_it(name: str) -> None:
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, autoescape=True
    )
    template = environment.from_string((ROLE / "templates" / f"{name}.j2").read_text())
    assert template.render(**defaults()) == (TOP / "deploy" / "systemd" / name).read_text()


def test_every_default_is_described_and_every_description_has_a_default() -> None:
    specs = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    assert set(specs["argument_specs"]["main"]["options"]) == set(defaults())
    page = (TOP / "playbooks" / "README.md").read_text()
    assert [name for name in defaults() if f"`{name}`" not in page] == []


def workers(folder: Path, count: int) -> Path:
    """An inventory of workers on this machine."""
    path = folder / "fleet.yml"
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    where = {"state_dir": f"{folder}/{{{{ inventory_hostname }}}}/state"}
    where |= {"report_dir": f"{folder}/{{{{ inventory_hostname }}}}/reports"}
    hosts = {f"worker-{number}": None for number in range(1, count + 1)}
    group = {"vars": host | where, "hosts": hosts}
    path.write_text(yaml.safe_dump({"reconcilers": group}))
    return path


def test_four_workers_report_what_one_run_reports_cell_by_cell(case: Case) -> None:
    case.start("one", "two")
    for number in range(6):
        case.repository(f"r{number}", on=["one"])
    given = {
        "desired_state": str(case.desired(delegate=False)),
        "fleet_dir": str(case.folder / "joined"),
        "reconcile_command": [sys.executable, "-m", "reconciler"],
    }
    inventory = workers(case.folder, 4)
    check = play(case.folder, "fleet.yml", inventory, "--check", "--diff", **given)
    assert check.code == 0, check.text
    assert case.servers["two"].counters.snapshot()["events_received"] == 0
    done = play(case.folder, "fleet.yml", inventory, **given)
    assert done.code == 0, done.text
    assert sum(done.recap(f"worker-{n}", "changed") for n in range(1, 5)) >= 2
    merged = json.loads((case.folder / "joined/merged/latest.json").read_text())
    whole = case.reconcile("--plan").report
    for part in ("cells", "repositories", "holds"):
        assert merged[part] == whole[part]
    assert {cell["verdict"] for cell in merged["cells"]} == {"in-sync"}
    assert len(merged["merged"]) == 4
    again = play(case.folder, "fleet.yml", inventory, **given)
    assert [again.recap(f"worker-{n}", "changed") for n in range(1, 5)] == [0, 0, 0, 0]
    assert "<!doctype html>" in (case.folder / "joined/page.html").read_text()


def test_a_saved_plan_is_applied_by_the_playbook_and_refused_when_the_world_moved(
    case: Case, here: Path
) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    given = {
        "desired_state": str(case.desired(delegate=False)),
        "reconcile_hosts": "reconcilers",
        "state_dir": str(case.folder / "state"),
        "report_dir": str(case.folder / "reports"),
        "out": str(case.folder / "plan.json"),
    }
    check = play(case.folder, "reconcile.yml", here, "--check", **given)
    assert (check.code, check.recap("here", "changed")) == (0, 1), check.text
    reviewed = {**given, "plan": given["out"]}
    done = play(case.folder, "reconcile.yml", here, **reviewed)
    assert (done.code, done.recap("here", "changed")) == (0, 1), done.text
    stale = play(case.folder, "reconcile.yml", here, **reviewed)
    assert stale.code == 2
    assert "ended with 5" in stale.text
    part = play(case.folder, "reconcile.yml", here, **reviewed, still_valid=True)
    assert (part.code, part.recap("here", "changed")) == (0, 0), part.text
    assert "no longer needed or possible" in part.text
    assert f'"report": "{case.folder}/reports/' in part.text
