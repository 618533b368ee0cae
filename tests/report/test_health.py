"""One word for a run, a server and a repository; what is unknown or held is no failure."""

from __future__ import annotations

import pytest

from reconciler.model.outcome import Outcome, Result
from reconciler.report.build import build
from reconciler.report.codes import Exit
from reconciler.report.health import Health, document, of_codes, succeeded

from .sample import small_plan
from .test_build import header, settled

PLAN, FINDINGS = small_plan()


@pytest.mark.parametrize("code", list(Exit))
def test_every_code_is_well_or_ill(code: Exit) -> None:
    well = {Exit.DONE: Health.OK, Exit.CHANGES: Health.OK, Exit.BUSY: Health.OK}
    well |= {Exit.UNKNOWN: Health.DEGRADED, Exit.HELD: Health.DEGRADED}
    assert of_codes([code]) is well.get(code, Health.FAILING)
    assert succeeded([code]) is (code in well)


def test_the_worst_code_counts() -> None:
    assert of_codes([0, 6]) is Health.DEGRADED
    assert of_codes([6, 3, 7]) is Health.FAILING
    assert of_codes([]) is Health.OK


def test_servers_and_repositories_have_a_status_of_their_own() -> None:
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED)
        for a in PLAN.actions
        if "beta" in (a.server or "")
    )
    found = document(build(header("apply"), PLAN, (), outcomes=ends, remaining=PLAN))
    servers = {server["name"].partition(".")[0]: server for server in found["servers"]}
    assert found["status"] == "failing"
    assert servers["beta"]["status"] == "failing"
    assert servers["beta"]["cells"] == {"failed": 1, "held": 1}
    assert servers["epsilon"]["status"] == "degraded"
    assert servers["epsilon"]["unknown"] == "connection-refused"
    assert {r["name"]: r["status"] for r in found["repositories"]} == {
        "alice/widget": "failing",
        "bob/blank": "degraded",
    }


def test_all_is_well_when_all_is_in_sync() -> None:
    found = document(build(header("apply"), PLAN, (), remaining=settled()))
    assert {server["status"] for server in found["servers"]} == {"ok"}
    assert found["run"]["exit_codes"] == [0]


def test_without_a_report_nothing_is_claimed() -> None:
    assert document(None) == {"status": "degraded", "run": None, "servers": [], "repositories": []}
