"""One run from files to files: reads, wires the real world into the pipeline, shows, writes."""

from __future__ import annotations

import os
import secrets
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler import __version__
from reconciler.cli.guarded import Caught, signals
from reconciler.cli.session import Session
from reconciler.desired import parse
from reconciler.edge.files import locked, read, write
from reconciler.edge.fleet import Fleet
from reconciler.limits import SAVED_PLAN_BYTES, YAML_BYTES
from reconciler.model.codec import digest, plan_from_json, plan_to_json, pretty, report_to_json
from reconciler.model.desired import Desired
from reconciler.model.outcome import Finding, Report
from reconciler.model.plan import Plan
from reconciler.pipeline import Options, Run, run
from reconciler.report import markdown, terminal
from reconciler.report.build import Header, build
from reconciler.report.exits import Exit
from reconciler.report.progress import Bar
from reconciler.report.safe import safe
from reconciler.report.view import view
from reconciler.report.words import plural
from reconciler.sign.keyfile import KeyFileSigner, read_keys


def check(session: Session, file: Path) -> int:
    """`reconcile validate`."""
    found = parse(read(file, limit=YAML_BYTES, what="desired state"), place=str(file))
    counts = f"{plural(len(found.servers), 'server')}, {plural(len(found.npubs), 'npub')}"
    session.stdout.print(f"{file}: valid ({counts})", markup=False, soft_wrap=True)
    return Exit.DONE


def reconcile(session: Session) -> int:
    """`reconcile --plan` and `--apply`; the worst exit code that holds."""
    text = read(session.file, limit=YAML_BYTES, what="desired state")
    options = _options(session)
    signer = None
    if session.keys and options.write:
        signer = KeyFileSigner(read_keys(session.keys))
    started = datetime.now(UTC)
    lock = locked(session.state_dir) if options.write else nullcontext()
    with lock, signals() as caught, Bar(session.stderr, caught.stop) as bar:
        done = run(
            text,
            str(session.file),
            options,
            lambda desired: _connect(session, desired),
            signer,
            bar,
            lambda plan, findings: _show_plan(session, plan, findings),
        )
    if options.limit and not done.plan.repositories:
        session.say("note: --limit matches no repository that was found")
    report = _report(_header(session, started), done, caught)
    _finish(session, done, report)
    return report.exit_code


def _options(session: Session) -> Options:
    if session.saved is None:
        return session.options
    raw = read(session.saved, limit=SAVED_PLAN_BYTES, what="plan")
    return replace(session.options, saved=plan_from_json(raw, place=str(session.saved)))


def _connect(session: Session, desired: Desired) -> Fleet:
    fleet = Fleet(desired, session.state_dir)
    if fleet.warning:
        session.say(f"warning: {fleet.warning}")
    if session.apply:  # the lock is held, so what lies about is a dead run's
        fleet.repair()
    return fleet


def _header(session: Session, started: datetime) -> Header:
    run_id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    form = "%Y-%m-%dT%H:%M:%SZ"
    finished = datetime.now(UTC).strftime(form)
    mode = "apply" if session.apply else "plan"
    return Header(run_id, mode, started.strftime(form), finished, __version__)


def _report(header: Header, done: Run, caught: Caught) -> Report:
    extra = [Exit.STALE_PLAN] if done.stale else []
    notes = list(done.stale)
    if caught.code:
        extra.append(caught.code)
        notes.append("stopped by a signal")
    return build(
        header,
        done.plan,
        done.findings,
        outcomes=done.outcomes,
        remaining=done.remaining,
        extra=extra,
        notes=tuple(notes),
    )


def _show_plan(session: Session, plan: Plan, findings: tuple[Finding, ...]) -> None:
    """Save and show the plan before anything is written."""
    if session.out:
        write(session.out, pretty(plan_to_json(plan)))
    shown = view(plan, digest(plan))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown.render(shown, findings))
    if session.format == "markdown":
        session.stdout.out(markdown.render(shown, findings, verbose=session.verbose))
    elif session.format == "text":
        terminal.show_plan(session.stdout, shown, findings, verbose=session.verbose)
    elif not session.apply:
        session.stdout.out(pretty(plan_to_json(plan)), end="")


def _finish(session: Session, done: Run, report: Report) -> None:
    """Write the report, then show what became of the plan."""
    document = pretty(report_to_json(report))
    write(session.report_dir / f"{report.run_id}.json", document)
    write(session.report_dir / "latest.json", document)
    if session.format == "json" and session.apply:
        session.stdout.out(document, end="")
    if done.stale:
        session.say("the saved plan no longer matches the world; nothing was written:")
        for line in done.stale[:20]:
            session.say(f"  {safe(line)}")
    if session.format == "text":
        terminal.show_outcomes(session.stdout, report.outcomes, verbose=session.verbose)
        if session.apply:
            terminal.show_recap(session.stdout, report)
    session.say(f"report: {session.report_dir / 'latest.json'}")
