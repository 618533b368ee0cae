"""What a run shows and leaves behind: the plan before it, the outcome after it, the report."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from reconciler.cli.places import OUT, unwritable
from reconciler.cli.session import Session
from reconciler.edge.files import write
from reconciler.edge.reports import Reports
from reconciler.model.codec import plan_to_json, pretty
from reconciler.model.desired import Desired
from reconciler.model.outcome import Finding, Report
from reconciler.model.plan import Plan
from reconciler.report.codes import Exit, worst
from reconciler.report.formats import FORMATS, Format
from reconciler.report.health import Health, of_codes
from reconciler.report.history import Past, past
from reconciler.report.safe import safe
from reconciler.report.story import story
from reconciler.report.view import view


def show_plan(
    session: Session, plan: Plan, findings: tuple[Finding, ...], base: Desired | None = None
) -> None:
    """Save and show the plan before anything is written."""
    if session.out:
        try:
            write(session.out, pretty(plan_to_json(plan)))
        except OSError as error:
            raise unwritable(session.out, "plan", error, OUT) from None
    form = FORMATS[session.format]
    signs = len(plan.signs)
    if session.apply and signs and not session.keys:
        said = "1 signature is" if signs == 1 else f"{signs} signatures are"
        session.say(f"no --signers: {said} held, and whatever needs them")
    if session.apply and (session.quiet or not form.follows):
        return
    shown = view(plan, findings, base, _past(session))
    if not session.quiet or plan.actions:
        session.show(form.plan(shown, session.look))
    if not session.apply:
        _views(session, lambda form: form.plan(shown, session.look))


def finish(session: Session, report: Report) -> tuple[int, ...]:
    """Write the report, then show what became of the plan; the exit codes that hold.

    What was done is told although the report cannot be written, and an apply then has failed.
    """
    past = _past(session)
    lost = _save(session, report)
    if lost and session.apply:
        codes = worst({Exit.FAILED, *map(Exit, report.exit_codes)} - {Exit.DONE})
        notes = (*report.notes, lost)
        report = replace(report, exit_codes=codes, exit_code=codes[0], notes=notes)
    if session.apply:
        told = story(report, past)
        if not session.quiet or of_codes(report.exit_codes) is not Health.OK:
            session.show(FORMATS[session.format].outcome(told, session.look))
        _views(session, lambda form: form.outcome(told, session.look))
    if session.metrics or session.notify:  # loaded by who asks for it
        import_module("reconciler.cli.telling").tell(session, report)
    if lost or not session.quiet:
        session.say(lost or f"report: {session.report_dir / 'latest.json'}")
    return tuple(map(int, report.exit_codes))


def _past(session: Session) -> tuple[Past, ...]:
    """Earlier runs, the oldest first, where a view that is asked for shows them."""
    asked = (session.format, *(name for name, _ in session.saves))
    if not any(FORMATS[name].remembers for name in asked):
        return ()
    found = [past(document) for document in Reports(session.report_dir).earlier()]
    return tuple(run for run in reversed(found) if run)


def _views(session: Session, draw: Callable[[Format], str]) -> None:
    """What was asked for besides stdout. One that cannot be written is said, and ends nothing."""
    for name, path in session.saves:
        try:
            write(path, draw(FORMATS[name]))
        except OSError as error:
            session.say(f"{safe(str(path))}: {error.strerror or error} (--save)")
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        _summarise(session, place, draw(FORMATS["markdown"]))


def _save(session: Session, report: Report) -> str:
    """Write the report; why it could not be written, else nothing."""
    reports = Reports(session.report_dir)
    try:
        reports.add(report, whole=session.apply and not session.options.limit)
        if session.keep:
            reports.prune(session.keep)
    except OSError as error:
        where = safe(str(error.filename or session.report_dir))
        return f"report could not be written to {where}: {error.strerror} (--report-dir)"
    return ""


def _summarise(session: Session, place: str, text: str) -> None:
    """Add to the page that GitHub shows of a job; say so where it cannot be written."""
    try:
        # a pipe that nobody reads must not be waited for
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        with os.fdopen(os.open(place, flags, 0o644), "w", encoding="utf-8") as page:
            page.write(text)
    except OSError as error:
        session.say(f"GITHUB_STEP_SUMMARY: {safe(place)}: {error.strerror or error}")
