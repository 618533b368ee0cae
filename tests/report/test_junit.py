"""JUnit XML: a test a cell, read by an XML parser; hostile names stay text."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as Xml

from reconciler.model.plan import CellVerdict, Verdict
from reconciler.report import junit
from reconciler.report.build import build
from reconciler.report.look import Look
from reconciler.report.story import story
from tests.kit.people import WIDGET, url

from .sample import hostile, huge, small_plan, viewed
from .test_build import header

PLAN, FINDINGS = small_plan()


def read(text: str) -> Xml.Element:
    return Xml.fromstring(text)


def kinds(suite: Xml.Element) -> list[str]:
    return [next((child.tag for child in case), "passed") for case in suite.iter("testcase")]


def test_every_verdict_is_a_kind_of_test() -> None:
    cells = tuple(CellVerdict(WIDGET, url("alpha"), verdict, "why") for verdict in Verdict)
    suite = read(junit.plan(viewed(replace(PLAN, cells=cells)), Look()))
    assert dict(zip(Verdict, kinds(suite), strict=True)) == {
        Verdict.IN_SYNC: "passed",
        Verdict.DRIFTED: "failure",
        Verdict.SETTLING: "skipped",
        Verdict.HELD: "skipped",
        Verdict.UNKNOWN: "error",
        Verdict.CONFLICT: "skipped",
        Verdict.IMPOSSIBLE: "skipped",
        Verdict.HOLLOW: "skipped",
    }
    assert suite.attrib | {"name": ""} == {
        "name": "",
        "tests": str(len(Verdict)),
        "failures": "1",
        "errors": "1",
        "skipped": str(len(Verdict) - 3),
    }


def test_a_test_is_named_by_its_server_and_repository() -> None:
    cases = [c.attrib for c in read(junit.plan(viewed(PLAN), Look())).iter("testcase")]
    assert {"classname": "alpha.example", "name": "alice/widget"} in cases


def test_an_outcome_shows_how_the_cells_were_left() -> None:
    report = build(header("apply"), PLAN, FINDINGS)
    suite = read(junit.outcome(story(report), Look()))
    assert suite.attrib["name"] == "Applied: nothing was to be done"
    assert len(list(suite.iter("testcase"))) == len(PLAN.cells)


def test_hostile_names_stay_text() -> None:
    plan, findings = hostile()
    suite = read(junit.plan(viewed(plan, findings), Look()))
    assert {element.tag for element in suite.iter()} == {"testsuite", "testcase", "failure"}
    assert "<img" in next(suite.iter("testcase")).attrib["name"]


def test_passed_tests_of_a_huge_fleet_are_counted_and_not_named() -> None:
    cells = tuple(replace(c, verdict=Verdict.IN_SYNC) for c in huge(10_001).cells)
    one = replace(cells[0], verdict=Verdict.UNKNOWN)
    suite = read(junit.plan(viewed(replace(huge(1), cells=(*cells, one))), Look()))
    assert suite.attrib["tests"] == "10002"
    assert kinds(suite) == ["error"]
