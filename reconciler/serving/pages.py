"""What is served, as values: a path in, an answer out. All of it is read from the last reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.model.outcome import Report
from reconciler.nostr.strictjson import Json
from reconciler.report import health, html
from reconciler.report.figures import figures
from reconciler.report.health import Health
from reconciler.report.history import Past
from reconciler.report.look import Look
from reconciler.report.story import story
from reconciler.serving.metrics import CONTENT_TYPE, exposed

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_HTML = "text/html; charset=utf-8"


class ReportSource(Protocol):
    """Where the reports come from."""

    def report(self) -> Report | None:
        """The last one that tells of the whole fleet; None when there is none."""

    def past(self) -> tuple[Past, ...]:
        """Earlier runs, the oldest first."""

    def alive(self) -> bool:
        """Does whoever makes the reports still work? True where nobody does."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    kind: str
    body: str


def answer(path: str, source: ReportSource) -> Answer:
    """What stands under a path; 404 where nothing does."""
    page = PAGES.get(path)
    return page(source) if page else Answer(404, _TEXT, "not found\n")


def _page(source: ReportSource) -> Answer:
    report = source.report()
    if report is None:
        return Answer(503, _TEXT, "no run has ended yet\n")
    past = tuple(run for run in source.past() if run.run_id != report.run_id)
    return Answer(200, _HTML, html.outcome(story(report, past), Look()))


def _health(source: ReportSource) -> Answer:
    """For whoever restarts what does not work: 200 unless something fails."""
    report = source.report()
    status = health.of_codes(report.exit_codes) if report else Health.DEGRADED
    well = source.alive() and status is not Health.FAILING
    return _json({"status": status, "alive": source.alive()}, 200 if well else 503)


def _mirror_health(source: ReportSource) -> Answer:
    """For dashboards: the status is in the body, and the answer 200."""
    return _json(health.document(source.report()), 200)


def _metrics(source: ReportSource) -> Answer:
    report = source.report()
    return Answer(200, CONTENT_TYPE, exposed(figures(report, source.past()) if report else ()))


def _json(document: Json, status: int) -> Answer:
    return Answer(status, _JSON, json.dumps(document, indent=1) + "\n")


PAGES: Mapping[str, Callable[[ReportSource], Answer]] = {
    "/": _page,
    "/health": _health,
    "/api/mirror-health": _mirror_health,
    "/metrics": _metrics,
}
"""Everything that there is; a new page is a row."""
