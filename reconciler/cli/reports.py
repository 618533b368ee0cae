"""Commands that read reports and ask no server: `report`, `status`, `history`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from reconciler.cli.arguments import PATH
from reconciler.cli.guarded import guarded
from reconciler.cli.session import Session
from reconciler.edge.reports import LATEST, LATEST_APPLY, Reports
from reconciler.errors import Mistake, UserFault
from reconciler.limits import HISTORY_RUNS
from reconciler.model.outcome import Report
from reconciler.report import chain, terminal
from reconciler.report.cells import history as told
from reconciler.report.codes import Exit, leaving
from reconciler.report.formats import FORMATS
from reconciler.report.history import Past, past
from reconciler.report.safe import safe
from reconciler.report.status import status as stands
from reconciler.report.story import story

_DIR = click.option("--report-dir", type=PATH, default=None, help="Where the reports are.")
_REMEDY = "run `reconcile --plan` or `--apply` first, or name their folder: --report-dir"


@click.group(name="report")
def command() -> None:
    """Look at reports that earlier runs wrote."""


@command.command()
@_DIR
@click.argument("run", default=LATEST)
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), help="What stdout gets.")
@click.pass_obj
def show(session: Session, /, report_dir: Path | None, run: str, format_: str | None) -> None:
    """Show the report of one RUN: its id, `latest`, or `latest-apply`."""

    def do() -> Sequence[int]:
        reports = _reports(session, report_dir)
        report = _read(reports, run)
        form = FORMATS[format_ or session.format]
        earlier = earlier_runs(reports, before=report.run_id) if form.remembers else ()
        session.show(form.outcome(story(report, earlier), session.look))
        return (Exit.DONE,)

    _leave(session, do)


@command.command(name="list")
@_DIR
@click.pass_obj
def list_(session: Session, /, report_dir: Path | None) -> None:
    """List the runs, the newest first."""

    def do() -> Sequence[int]:
        for document in _reports(session, report_dir).earlier():
            run = past(document)
            if run:
                line = f"{run.started}  {run.mode:5}  exit code {run.exit_code:3}  {run.run_id}"
                session.stdout.print(safe(line), markup=False)
        return (Exit.DONE,)

    _leave(session, do)


@command.command()
@_DIR
@click.pass_obj
def verify(session: Session, /, report_dir: Path | None) -> None:
    """Check that no report is missing between others, and that none was changed."""

    def do() -> Sequence[int]:
        reports = _reports(session, report_dir)
        links = [
            chain.Link(name, digest, said.previous) for name, digest, said in reports.digests()
        ]
        faults = list(chain.broken(links, reports.head()))
        for fault in faults:
            session.say(safe(fault, 500))
        if not faults:
            said = f"{len(links)} reports, each as it was written, from {links[0].name} on"
            session.stdout.print(said, markup=False, soft_wrap=True)
        return (Exit.FAILED if faults else Exit.DONE,)

    _leave(session, do)


@click.command()
@_DIR
@click.pass_obj
def status(session: Session, /, report_dir: Path | None) -> None:
    """How the fleet stood at the last run: what is wrong, since when, and what happens next.

    Leaves with the exit code of that run.
    """

    def do() -> Sequence[int]:
        reports = _reports(session, report_dir)
        report = _last(reports)
        session.show(terminal.status(stands(report, earlier_runs(reports)), session.look))
        return report.exit_codes

    _leave(session, do)


@click.command()
@_DIR
@click.argument("cell")
@click.pass_obj
def history(session: Session, /, report_dir: Path | None, cell: str) -> None:
    """What became of a CELL from run to run: `alice/widget@beta`, or `alice/widget` everywhere."""

    def do() -> Sequence[int]:
        reports = _reports(session, report_dir)
        runs = [_read(reports, path.stem) for path in reports.runs()[:HISTORY_RUNS][::-1]]
        found = told(cell, runs)
        if not found:
            message = f"no report knows the cell {safe(cell)}"
            raise UserFault(Mistake("CELL", message, "write it like alice/widget@beta"))
        session.show(terminal.listed_lines(found, session.look))
        return (Exit.DONE,)

    _leave(session, do)


def earlier_runs(reports: Reports, before: str | None = None) -> tuple[Past, ...]:
    """Earlier runs, the oldest first; with `before` those before that run."""
    found = [run for document in reports.earlier() if (run := past(document))]
    return tuple(run for run in reversed(found) if before is None or run.run_id < before)


def _reports(session: Session, folder: Path | None) -> Reports:
    found = Reports(folder or session.report_dir)
    if not found.runs():
        raise UserFault(Mistake(str(found.folder), "there is no report here", _REMEDY))
    return found


def _read(reports: Reports, name: str) -> Report:
    if not reports.place(name).exists():
        runs = ", ".join(path.stem for path in reports.runs()[:3])
        raise UserFault(Mistake(name, "there is no such report", f"name one of {runs}, …"))
    return reports.read(name)


def _last(reports: Reports) -> Report:
    """The last apply of everything tells more than a plan of a part that followed it."""
    return reports.read(LATEST_APPLY if reports.place(LATEST_APPLY).exists() else LATEST)


def _leave(session: Session, do: Callable[[], Sequence[int]]) -> None:
    codes = guarded(session, do)
    sys.exit(leaving(codes, without=session.exit_zero_on, detailed=session.detailed_exitcode))
