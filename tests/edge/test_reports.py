"""The folder of reports: a chain that shows what is missing, and a bound on its length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.edge.reports import Reports
from reconciler.errors import UserFault
from reconciler.model.outcome import Report
from reconciler.report.chain import Link, broken


def report(number: int, mode: str = "apply") -> Report:
    return Report(
        run_id=f"20260101T{number:06d}Z-abc{number:03d}",
        mode=mode,
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:01Z",
        tool="0",
        desired_digest="d" * 64,
        plan_digest="e" * 64,
        exit_code=0,
        exit_codes=(0,),
        planned=0,
        signatures=0,
        events_sent=0,
        pushes_sent=0,
        recap=(),
        servers=(),
        repositories=(),
        cells=(),
        holds=(),
        unmatched=(),
        findings=(),
        outcomes=(),
    )


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    """Five runs: applies, and a plan at the end."""
    found = Reports(tmp_path / "reports")
    for number in range(1, 5):
        found.add(report(number), whole=True)
    found.add(report(5, "plan"), whole=False)
    return found


def faults(reports: Reports) -> list[str]:
    links = [Link(name, digest, said.previous) for name, digest, said in reports.digests()]
    return list(broken(links, reports.head()))


def test_each_report_names_the_one_before_it(reports: Reports) -> None:
    assert faults(reports) == []
    (_, _, first), *_, (_, newest, last) = reports.digests()
    assert first.previous is None
    assert (last.run_id, reports.head()) == (report(5).run_id, newest)


def test_a_plan_replaces_the_latest_and_not_the_latest_apply(reports: Reports) -> None:
    assert reports.read("latest").mode == "plan"
    assert reports.read("latest-apply").run_id == report(4).run_id


def changed(reports: Reports, number: int) -> Iterator[None]:
    path = reports.place(report(number).run_id)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"planned": 9}))
    yield


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_changed_report_is_noticed(reports: Reports, number: int) -> None:
    next(changed(reports, number))
    assert [why for why in faults(reports) if "one before it was changed" in why]


def test_a_changed_last_report_is_noticed(reports: Reports) -> None:
    next(changed(reports, 5))
    assert faults(reports) == ["latest.json is the report of no run, or its run's was changed"]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_missing_report_is_noticed(reports: Reports, number: int) -> None:
    reports.place(report(number).run_id).unlink()
    assert faults(reports) == [
        f"{report(number + 1).run_id} follows a report that is not here, "
        "or one before it was changed"
    ]


def test_a_last_report_that_was_taken_away_is_noticed(reports: Reports) -> None:
    reports.place(report(5).run_id).unlink()
    reports.place("latest").write_bytes(reports.place(report(4).run_id).read_bytes())
    assert faults(reports) == []  # a chain cannot know its future; the copies elsewhere do
    reports.place("latest").unlink()
    assert faults(reports) == ["latest.json is not here"]


def test_a_second_beginning_and_two_successors_are_noticed(reports: Reports) -> None:
    other = Reports(reports.folder.parent / "other")
    other.add(report(9), whole=False)
    reports.place(report(9).run_id).write_bytes(other.place(report(9).run_id).read_bytes())
    assert any("begins anew" in why for why in faults(reports))
    a, b, c = Link("a", "1", None), Link("b", "2", "1"), Link("c", "3", "1")
    assert "b, c follow the same report" in list(broken([a, b, c], "3"))


def test_the_oldest_reports_go_and_the_chain_stays_whole(reports: Reports) -> None:
    reports.prune(2)
    assert [path.stem for path in reports.runs()] == [report(5).run_id, report(4).run_id]
    assert faults(reports) == []
    reports.add(report(6), whole=False)
    assert faults(reports) == []


def test_the_last_apply_of_everything_is_never_pruned_nor_anything_that_is_no_report(
    reports: Reports,
) -> None:
    (reports.folder / "notes.json").write_text("{}")
    reports.add(report(6, "plan"), whole=False)
    reports.prune(1)
    left = {path.name for path in reports.folder.iterdir()}
    assert left >= {"latest.json", "latest-apply.json", "notes.json", f"{report(6).run_id}.json"}
    assert len(reports.runs()) == 1
    assert reports.read("latest-apply").run_id == report(4).run_id
    assert faults(reports) == []


def test_what_a_kill_left_out_is_written_by_the_next_run(reports: Reports) -> None:
    reports.place(report(5).run_id).unlink()  # killed between latest.json and the run's own file
    reports.add(report(6), whole=False)
    assert faults(reports) == []
    assert reports.read(report(5).run_id) == replace(
        report(5, "plan"), previous=reports.read(report(5).run_id).previous
    )


def test_runs_that_end_together_follow_one_another(tmp_path: Path) -> None:
    found = Reports(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Reports(tmp_path).add(report(n), whole=True), range(20)))
    assert len(found.runs()) == 20
    assert faults(found) == []


def test_a_report_is_read_again_as_it_was_written(reports: Reports) -> None:
    assert reports.read(report(1).run_id) == report(1)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"version": 9}', "[" * 9999])
def test_what_is_no_report_is_the_user_s_mistake(reports: Reports, text: str) -> None:
    reports.place("latest").write_text(text)
    with pytest.raises(UserFault):
        reports.read("latest")
    assert list(Reports(reports.folder).earlier())  # and costs the others nothing


def test_a_report_of_an_older_program_is_read_with_defaults(reports: Reports) -> None:
    path = reports.place(report(1).run_id)
    document = json.loads(path.read_text())
    for name in ("actor", "commit", "shard", "limit", "merged", "previous", "stages"):
        del document[name]
    path.write_text(json.dumps(document))
    assert reports.read(report(1).run_id) == report(1)
