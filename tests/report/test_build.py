"""The report as a value: counts that a person can check, and always fit for its schema."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.model.actions import Sign
from reconciler.model.codec import digest, pretty, report_to_json
from reconciler.model.outcome import Outcome, Recap, Report, Result
from reconciler.model.plan import Entry, Plan, Unmatched, Verdict
from reconciler.report.build import Header, build
from reconciler.report.codes import Exit
from tests.kit.people import url

from .sample import hostile, small_plan

PLAN, FINDINGS = small_plan()
KEYS = [action.key for action in PLAN.actions]


def header(mode: str) -> Header:
    return Header(
        run_id="20240101T000000Z-abc",
        mode=mode,
        started="2024-01-01T00:00:00Z",
        finished="2024-01-01T00:00:09Z",
        tool="0.1",
    )


def outcomes(result: Result) -> tuple[Outcome, ...]:
    return tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=result, detail="words", seconds=0.5)
        for a in PLAN.actions
    )


def applied(result: Result, remaining: Plan = PLAN) -> Report:
    return build(header("apply"), PLAN, FINDINGS, outcomes=outcomes(result), remaining=remaining)


def recap(report: Report) -> dict[str, Recap]:
    return {row.server.removesuffix(".example"): row for row in report.recap}


def settled() -> Plan:
    cells = tuple(replace(cell, verdict=Verdict.IN_SYNC) for cell in PLAN.cells)
    servers = tuple(replace(server, unknown=None) for server in PLAN.servers)
    return replace(PLAN, actions=(), holds=(), cells=cells, servers=servers)


def test_a_plans_report_counts_what_it_holds() -> None:
    report = build(header("plan"), PLAN, FINDINGS)
    assert (report.mode, report.plan_digest) == ("plan", digest(PLAN))
    assert (report.exit_code, report.exit_codes) == (4, (4, 6, 7, 2))
    assert (report.planned, report.signatures, report.events_sent, report.pushes_sent) == (
        17,
        0,
        0,
        0,
    )
    rows = recap(report)
    assert (rows["alpha"].drifted, rows["alpha"].held, rows["alpha"].ok) == (1, 1, 0)
    assert (rows["epsilon"].unreachable, rows["epsilon"].detail) == (2, "connection-refused")
    assert rows["delta"].changed == rows["delta"].failed == 0


def test_a_run_that_did_everything() -> None:
    report = applied(Result.DONE, settled())
    assert (report.signatures, report.events_sent, report.pushes_sent) == (1, 10, 6)
    rows = recap(report)
    assert {(row.ok, row.failed, row.held, row.unreachable) for row in rows.values()} == {
        (2, 0, 0, 0)
    }
    assert {name: row.changed for name, row in rows.items()} == {
        "alpha": 1,
        "beta": 1,
        "gamma": 1,
        "delta": 1,
        "epsilon": 0,
    }


@pytest.mark.parametrize("result", [Result.FAILED, Result.STALE, Result.UNREACHABLE])
def test_several_failures_in_one_cell_are_one_failed_cell(result: Result) -> None:
    rows = recap(applied(result))
    assert [rows[name].failed for name in ("alpha", "beta", "epsilon")] == [1, 1, 0]
    assert rows["beta"].changed == 0


def test_what_the_guard_held_counts_once_a_cell() -> None:
    assert recap(applied(Result.HELD, settled()))["beta"].held == 1
    assert recap(applied(Result.HELD))["beta"].held == 2  # and the empty repository is held anyway


def test_settling_is_sent_and_skipped_is_not() -> None:
    assert applied(Result.SETTLING).pushes_sent == 6
    for result in (Result.SKIPPED, Result.UNCHANGED, Result.FAILED, Result.HELD):
        report = applied(result)
        assert report.pushes_sent == report.events_sent == report.signatures == 0


def test_a_run_is_judged_by_the_world_that_it_left() -> None:
    report = build(header("apply"), PLAN, (), outcomes=outcomes(Result.DONE), remaining=settled())
    assert (report.exit_code, report.exit_codes) == (0, (0,))
    assert (report.cells, report.holds) == (settled().cells, ())
    assert report.planned == len(PLAN.actions)


def test_codes_that_the_job_adds_count() -> None:
    report = build(header("apply"), PLAN, (), extra=[Exit.TERMINATED], notes=("stopped",))
    assert report.exit_codes == (143, 3, 6, 7)
    assert report.notes == ("stopped",)


def test_a_stale_plan_is_judged_as_a_plan_because_nothing_was_done() -> None:
    report = build(header("apply"), PLAN, (), extra=iter([Exit.STALE_PLAN]))
    assert report.exit_codes == (5, 6, 2)


def test_an_index_relay_counts_as_one_when_it_is_down() -> None:
    down = replace(PLAN.servers[-1], grasp=False)
    plan = replace(PLAN, servers=(down,), cells=())
    assert recap(build(header("plan"), plan, ()))["epsilon"].unreachable == 1


@pytest.mark.parametrize("result", [None, *Result])
def test_every_report_fits_its_schema(result: Result | None) -> None:
    report = applied(result) if result else build(header("plan"), PLAN, FINDINGS)
    document = json.loads(pretty(report_to_json(report)))
    assert document["version"] == 1
    assert [o["key"] for o in document["outcomes"]] == (KEYS if result else [])
    assert {o["server"] for o in document["outcomes"]} <= {
        None,
        *map(url, ("alpha", "beta", "gamma", "delta")),
    }


def test_hostile_names_fit_the_schema_and_are_ascii() -> None:
    plan, findings = hostile()
    text = pretty(report_to_json(build(header("plan"), plan, findings)))
    assert text.isascii()
    assert "\x1b" not in text


def test_every_cell_counts_once_beside_what_changed() -> None:
    for result in Result:
        for row in applied(result).recap:
            parts = (row.ok, row.settling, row.drifted, row.unreachable, row.failed, row.held)
            assert sum(parts) + row.accepted + row.deferred == 2


def test_a_settling_cell_is_counted() -> None:
    cells = tuple(replace(cell, verdict=Verdict.SETTLING) for cell in PLAN.cells)
    rows = recap(build(header("plan"), replace(PLAN, cells=cells), ()))
    assert rows["alpha"].settling == 2


def test_an_accepted_hold_has_its_own_count() -> None:
    holds = tuple(replace(hold, accepted=True) for hold in PLAN.holds)
    rows = recap(build(header("plan"), replace(PLAN, holds=holds), ()))
    assert (rows["alpha"].held, rows["alpha"].accepted) == (0, 1)


def test_a_limit_that_fits_nothing_is_judged_as_a_plan() -> None:
    slip = Unmatched(Entry.LIMIT, "alice/widgit", ("alice/widget",))
    plan = replace(settled(), unmatched=(slip,))
    report = build(header("apply"), plan, ())
    assert (report.exit_codes, report.unmatched) == ((64,), (slip,))


def test_a_server_that_says_a_lot_does_not_make_the_report_large() -> None:
    ends = tuple(
        Outcome(
            key=a.key, verb=a.verb, server=a.server, result=Result.SETTLING, detail="x" * 4_000_000
        )
        for a in PLAN.actions[:1]
    )
    report = build(header("apply"), PLAN, (), outcomes=ends, remaining=PLAN)
    assert len(pretty(report_to_json(report))) < 50_000


def test_a_cell_that_waits_for_a_signature_is_held() -> None:
    (sign,) = (a for a in PLAN.actions if isinstance(a, Sign))
    ends = (
        Outcome(key=sign.key, verb=sign.verb, server=None, result=Result.HELD, detail="no key"),
    )
    rows = recap(build(header("apply"), PLAN, (), outcomes=ends, remaining=PLAN))
    assert (rows["delta"].held, rows["delta"].drifted) == (2, 0)
    assert (rows["beta"].held, rows["beta"].drifted) == (1, 1)


def test_every_verdict_has_its_column() -> None:
    for verdict in Verdict:
        cells = tuple(replace(cell, verdict=verdict) for cell in PLAN.cells)
        report = build(header("plan"), replace(PLAN, cells=cells), ())
        assert len(report.recap) == len(PLAN.servers)
