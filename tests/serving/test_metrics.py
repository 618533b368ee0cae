"""Metrics that Prometheus' own parser reads, named by convention; rules that name nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from reconciler.guard import judge
from reconciler.model.observed import Absent
from reconciler.model.outcome import Outcome, Report, Result, Stage
from reconciler.model.plan import Verdict
from reconciler.report.build import Header, build
from reconciler.report.figures import PREFIX, figures, seconds_of
from reconciler.report.history import Past
from reconciler.serving.metrics import exposed
from tests.kit import values
from tests.kit.people import ALICE, WIDGET
from tests.kit.values import oid, refs

ROOT = Path(__file__).parents[2]


def sample(result: Result = Result.DONE) -> Report:
    """A repository that is on alpha and goes to beta; gamma is down."""
    wish = values.desired("alpha", "beta", "gamma")
    announced = ALICE.announce("widget", ["alpha", "beta", "gamma"])
    state = ALICE.state("widget", {"refs/heads/main": oid(2)}, at=10)
    seen = values.observed(
        [announced, state],
        values.view("alpha", [announced, state], {WIDGET: refs({"refs/heads/main": oid(2)})}),
        values.view("beta", [], {WIDGET: Absent()}),
        values.view("gamma", down=True),
    )
    plan = values.planned(wish, seen)
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=result, seconds=1.5)
        for a in plan.actions
    )
    header = Header(
        run_id="run",
        mode="apply",
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:30Z",
        tool="0.1",
        stages=(Stage("observe", 2.5), Stage("apply", 4.0), Stage("observe", 1.5)),
    )
    cells = tuple(
        replace(c, verdict=Verdict.IN_SYNC, detail="") if c.verdict is Verdict.DRIFTED else c
        for c in plan.cells
    )
    left = replace(plan, actions=(), cells=cells) if result is Result.DONE else plan
    return build(header, plan, judge(plan, wish, seen), outcomes=ends, remaining=left)


def read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Every metric without the prefix: the values of its labels, and its value."""
    return {
        family.name.removeprefix(f"{PREFIX}_"): {
            tuple(s.labels.values()): s.value for s in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def test_a_run_is_told_in_numbers() -> None:
    found = read(exposed(figures(sample())))
    assert found["run_duration_seconds"] == {(): 90}
    assert found["stage_duration_seconds"] == {("observe",): 4.0, ("apply",): 4.0}
    assert found["server_up"] == {
        ("alpha.example",): 1,
        ("beta.example",): 1,
        ("gamma.example",): 0,
    }
    assert found["cells"]["alpha.example", "ok"] == 1
    assert found["cells"]["gamma.example", "unreachable"] == 1
    assert found["cells"]["beta.example", "failed"] == 0
    assert sum(found["actions"].values()) == found["planned_actions"][()] > 0
    assert found["last_run_timestamp_seconds"] == {(): seconds_of("2026-01-01T00:01:30Z")}
    assert len(found["build_info"]) == len(found["desired_state_info"]) == 1
    assert ("6", "part of the world is unknown") in found["exit_code"]


def run(when: str, code: int) -> Past:
    return Past(run_id=when, mode="apply", started=when, exit_code=code, marks={})


def test_the_last_success_is_remembered_from_earlier_reports() -> None:
    failed = sample(Result.FAILED)
    assert 3 in failed.exit_codes
    name = "last_success_timestamp_seconds"
    assert read(exposed(figures(failed)))[name] == {(): 0}
    past = [run("2025-12-01T00:00:00Z", 7), run("2025-12-02T00:00:00Z", 3)]
    found = read(exposed(figures(failed, past)))[name]
    assert found == {(): seconds_of("2025-12-01T00:00:00Z")}
    well = replace(failed, exit_code=6, exit_codes=(6,))
    assert read(exposed(figures(well, past)))[name] == {(): seconds_of(well.finished)}


def test_names_units_and_labels_follow_the_conventions() -> None:
    for figure in figures(sample()):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", figure.name)
        assert not figure.name.endswith("_total"), "these are gauges"
        assert ("seconds" in figure.name) == figure.name.endswith("_seconds")
        assert "repository" not in figure.labels, "labels stay few"
        assert figure.help.endswith(".")
    assert " 17" not in exposed(figures(sample())).split("# HELP")[0]  # no timestamps in a textfile


def test_hostile_names_stay_labels() -> None:
    report = sample()
    evil = 'x"} 1\ny{a="\x1b[2J\\'
    servers = tuple(replace(server, name=evil) for server in report.servers[:1])
    recap = tuple(replace(row, server=evil) for row in report.recap[:1])
    found = read(exposed(figures(replace(report, servers=servers, recap=recap))))
    ((name,),) = found["server_up"]
    assert "\n" not in name and "\x1b" not in name
    assert set(found) == set(read(exposed(figures(report))))


def expressions() -> list[str]:
    rules: Any = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    board = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    found += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return found + [note["expr"] for note in board["annotations"]["list"]]


@pytest.mark.parametrize("expression", expressions())
def test_rules_and_panels_ask_for_metrics_labels_and_states_that_exist(expression: str) -> None:
    known = {f"{PREFIX}_{figure.name}": figure for figure in figures(sample(Result.FAILED))}
    asked = re.findall(rf"({PREFIX}_\w+)(?:\{{([^}}]*)\}})?", expression)
    assert asked
    states = {sample[0][1] for sample in known[f"{PREFIX}_cells"].samples}
    for name, matchers in asked:
        assert name in known
        for label, value in re.findall(r'(\w+)(?:=|!=|=~|!~)"([^"]*)"', matchers):
            assert label in known[name].labels
            assert label != "state" or value in states


WRITER = """
import sys
from pathlib import Path
from reconciler.edge.files import write
number = 0
while True:
    number += 1
    write(Path(sys.argv[1]), f"# TYPE x gauge\\nx {number}\\n" * 2000)
"""


def test_a_kill_in_the_middle_of_writing_leaves_a_whole_textfile(tmp_path: Path) -> None:
    place = tmp_path / "reconcile.prom"
    for wait in (0.4, 0.43, 0.47):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(place)], cwd=ROOT)
        end = time.monotonic() + 20
        while not place.exists() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(wait - 0.4)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        text = place.read_text()
        assert len(set(text.splitlines())) == 2 and text.count("\n") == 4000
        # what a kill leaves beside it is not read by the collector
        assert [path.name for path in tmp_path.glob("*.prom")] == ["reconcile.prom"]
