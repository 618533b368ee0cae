"""What a run shows and leaves behind: the plan before it, the outcome after it, the report."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from reconciler.cli.places import OUT, unwritable
from reconciler.cli.session import Session
from reconciler.edge.files import write
from reconciler.model.codec import plan_to_json, pretty, report_to_json
from reconciler.model.outcome import Finding, Report
from reconciler.model.plan import Plan
from reconciler.report.codes import Exit, worst
from reconciler.report.formats import FORMATS
from reconciler.report.safe import safe
from reconciler.report.story import story
from reconciler.report.view import view


def show_plan(session: Session, plan: Plan, findings: tuple[Finding, ...]) -> None:
    """Save and show the plan before anything is written."""
    if session.out:
        try:
            write(session.out, pretty(plan_to_json(plan)))
        except OSError as error:
            raise unwritable(session.out, "plan", error, OUT) from None
    shown = view(plan, findings)
    form = FORMATS[session.format]
    if form.follows or not session.apply:
        session.show(form.plan(shown, session.look))
    signs = len(plan.signs)
    if session.apply and signs and not session.keys:
        said = "1 signature is" if signs == 1 else f"{signs} signatures are"
        session.say(f"no --signers: {said} held, and whatever needs them")
    if not session.apply:
        _summarise(session, lambda: FORMATS["markdown"].plan(shown, session.look))


def finish(session: Session, report: Report) -> tuple[int, ...]:
    """Write the report, then show what became of the plan; the exit codes that hold.

    What was done is told although the report cannot be written, and an apply then has failed.
    """
    lost = _save(session, report)
    if lost and session.apply:
        codes = worst({Exit.FAILED, *map(Exit, report.exit_codes)} - {Exit.DONE})
        notes = (*report.notes, lost)
        report = replace(report, exit_codes=codes, exit_code=codes[0], notes=notes)
    if session.apply:
        told = story(report)
        session.show(FORMATS[session.format].outcome(told, session.look))
        _summarise(session, lambda: FORMATS["markdown"].outcome(told, session.look))
    session.say(lost or f"report: {session.report_dir / 'latest.json'}")
    return tuple(map(int, report.exit_codes))


def _save(session: Session, report: Report) -> str:
    """Write the report; why it could not be written, else nothing.

    `latest-apply.json` is the last apply of everything: no plan and no part replaces it.
    """
    document = pretty(report_to_json(report))
    names = [report.run_id, "latest"]
    names += ["latest-apply"] if session.apply and not session.options.limit else []
    for name in names:
        place = session.report_dir / f"{name}.json"
        try:
            write(place, document)
        except OSError as error:
            where = safe(str(place))
            return f"report could not be written to {where}: {error.strerror} (--report-dir)"
    return ""


def _summarise(session: Session, text: Callable[[], str]) -> None:
    """Add to the page that GitHub shows of a job; say so where it cannot be written."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    try:
        # a pipe that nobody reads must not be waited for
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        with os.fdopen(os.open(place, flags, 0o644), "w", encoding="utf-8") as page:
            page.write(text())
    except OSError as error:
        session.say(f"GITHUB_STEP_SUMMARY: {safe(place)}: {error.strerror or error}")
