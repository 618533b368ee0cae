"""What a run shows and leaves behind: the plan before it, the outcome after it, the report."""

from __future__ import annotations

import os

from reconciler.cli.session import Session
from reconciler.edge.files import write
from reconciler.model.codec import plan_to_json, pretty, report_to_json
from reconciler.model.outcome import Finding, Report
from reconciler.model.plan import Plan, Sign
from reconciler.report.formats import FORMATS
from reconciler.report.safe import safe
from reconciler.report.story import story
from reconciler.report.view import view


def show_plan(session: Session, plan: Plan, findings: tuple[Finding, ...]) -> None:
    """Save and show the plan before anything is written."""
    if session.out:
        write(session.out, pretty(plan_to_json(plan)))
    shown = view(plan, findings)
    form = FORMATS[session.format]
    if form.follows or not session.apply:
        session.show(form.plan(shown, session.look))
    signs = sum(isinstance(action, Sign) for action in plan.actions)
    if session.apply and signs and not session.keys:
        said = "1 signature is" if signs == 1 else f"{signs} signatures are"
        session.say(f"no --keys: {said} held, and whatever needs them")
    if not session.apply:
        _summarise(session, FORMATS["markdown"].plan(shown, session.look))


def finish(session: Session, report: Report) -> None:
    """Write the report, then show what became of the plan."""
    document = pretty(report_to_json(report))
    write(session.report_dir / f"{report.run_id}.json", document)
    write(session.report_dir / "latest.json", document)
    if session.apply:
        told = story(report)
        session.show(FORMATS[session.format].outcome(told, session.look))
        _summarise(session, FORMATS["markdown"].outcome(told, session.look))
    session.say(f"report: {session.report_dir / 'latest.json'}")


def _summarise(session: Session, text: str) -> None:
    """Add to the page that GitHub shows of a job; say so where it cannot be written."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    try:
        # a pipe that nobody reads must not be waited for
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        with os.fdopen(os.open(place, flags, 0o644), "w", encoding="utf-8") as page:
            page.write(text)
    except OSError as error:
        session.say(f"GITHUB_STEP_SUMMARY: {safe(place)}: {error.strerror or error}")
