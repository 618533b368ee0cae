"""Arguments, environment, exit codes; the only place that prints."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import click
from rich.console import Console

from reconciler import __version__
from reconciler.codec import digest, plan_from_json, plan_to_json, pretty, report_to_json
from reconciler.desired import parse
from reconciler.edge.files import Busy, locked, read, write
from reconciler.edge.fleet import Fleet
from reconciler.errors import ReconcileError, UserFault
from reconciler.guard import GUARDS
from reconciler.limits import SAVED_PLAN_BYTES, YAML_BYTES
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
from reconciler.sign.keyfile import KeyFileSigner, read_keys

_PLAN_REMEDY = "give a plan that `reconcile --plan --out FILE` wrote"


@dataclass
class Session:
    """What the command line was asked, resolved."""

    file: Path
    mode: str
    saved: Path | None
    out: Path | None
    keys: Path | None
    formats: str
    report_dir: Path
    state_dir: Path
    verbose: bool
    options: Options
    out_console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=False))
    err_console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))


class _Group(click.Group):
    """Usage errors leave with 64 (sysexits), because 2 means "changes are pending"."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            return super().main(*args, **kwargs)
        except click.exceptions.Abort:
            sys.exit(Exit.INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(Exit.USAGE)


class _Shard(click.ParamType[tuple[int, int]]):
    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        number, _, count = str(value).partition("/")
        if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count) <= 1000):
            self.fail(f"{value!r} is not i/n with 1 <= i <= n", param, ctx)
        return int(number), int(count)


class _Accept(click.ParamType[tuple[str, str]]):
    name = "GUARD@DIGEST"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        guard, _, theirs = str(value).partition("@")
        if guard not in GUARDS:
            self.fail(f"{guard!r} is no guard; there are {', '.join(GUARDS)}", param, ctx)
        if len(theirs) < 12 or theirs.strip("0123456789abcdef"):
            self.fail("after @ stands the plan's digest, 12 digits of it at least", param, ctx)
        return guard, theirs


_PATH = click.Path(path_type=Path)
_SETTINGS = {"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "RECONCILE"}


@click.group(cls=_Group, invoke_without_command=True, context_settings=_SETTINGS)
@click.option(
    "-f",
    "--file",
    type=_PATH,
    default="desired-state.yaml",
    show_default=True,
    help="The desired state.",
)
@click.option("--plan", "plan_only", is_flag=True, help="Show what would be done (the default).")
@click.option(
    "--apply",
    "apply_to",
    type=_PATH,
    is_flag=False,
    flag_value=Path(),
    default=None,
    metavar="[PLAN.json]",
    help="Do it; with a saved plan, exactly that.",
)
@click.option("--out", type=_PATH, help="With --plan: save the plan here.")
@click.option("--keys", type=_PATH, help="File with the keys that the desired state names.")
@click.option(
    "--accept",
    type=_Accept(),
    multiple=True,
    help="Let one guard's finding through, for this very plan.",
)
@click.option("--limit", multiple=True, metavar="GLOB", help="Only repositories that match.")
@click.option("--shard", type=_Shard(), default="1/1", help="Only this share of the repositories.")
@click.option(
    "--forks",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="Servers that are worked on at the same time.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="What stdout gets.",
)
@click.option("--report-dir", type=_PATH, default="reports", show_default=True)
@click.option("--state-dir", type=_PATH, default=None, help="Archive and lock.")
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 2 when changes are pending.")
@click.option("-v", "--verbose", is_flag=True, help="Every ref and every event.")
@click.version_option(__version__, prog_name="reconcile")
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Make GRASP servers hold what desired-state.yaml says.

    Without --apply nothing is ever written to a server.
    """
    if given["plan_only"] and given["apply_to"] is not None:
        raise click.UsageError("--plan and --apply exclude each other")
    if given["out"] and given["apply_to"] is not None:
        raise click.UsageError("--out saves a plan, so it goes with --plan")
    if context.invoked_subcommand is None:
        session = _session(given)
        sys.exit(_guarded(session, lambda: _reconcile(session, given["detailed_exitcode"])))
    context.obj = given


@main.command()
@click.option("-f", "--file", type=_PATH, default=None, help="The desired state.")
@click.pass_obj
def validate(given: dict[str, Any], file: Path | None) -> None:
    """Read the desired state and report every mistake in it."""
    session = _session(given | {"file": file or given["file"]})

    def check() -> int:
        text = read(session.file, limit=YAML_BYTES, what="desired state")
        found = parse(text, place=str(session.file))
        counts = f"{len(found.servers)} servers, {len(found.npubs)} npubs"
        session.out_console.print(f"{session.file}: valid ({counts})", markup=False)
        return Exit.DONE

    sys.exit(_guarded(session, check))


def _session(given: dict[str, Any]) -> Session:
    apply_to = given["apply_to"]
    state = given["state_dir"] or _state_dir()
    options = Options(
        write=apply_to is not None,
        accept=given["accept"],
        limit=given["limit"],
        shard=given["shard"],
        forks=given["forks"],
    )
    return Session(
        file=given["file"],
        mode="plan" if apply_to is None else "apply",
        saved=apply_to if apply_to not in (None, Path()) else None,
        out=given["out"],
        keys=given["keys"],
        formats=given["formats"],
        report_dir=given["report_dir"],
        state_dir=state.absolute(),
        verbose=given["verbose"],
        options=options,
    )


def _state_dir() -> Path:
    """systemd's StateDirectory, then the XDG base directory."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "grasp-reconciler"


def _guarded(session: Session, do: Any) -> int:
    """Run, and turn every end into its exit code and a message without a trace."""
    err = session.err_console
    try:
        return int(do())
    except UserFault as fault:
        for mistake in fault.mistakes:
            err.print(safe(str(mistake).split("\n")[0], 600), markup=False, soft_wrap=True)
            err.print(f"    remedy: {safe(mistake.remedy, 600)}", markup=False, soft_wrap=True)
        return fault.exit_code
    except Busy as busy:
        err.print(safe(str(busy)), markup=False)
        return Exit.BUSY
    except ReconcileError as error:
        err.print(f"reconcile: {safe(str(error), 600)}", markup=False)
        return Exit.OUR_FAULT
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.OUR_FAULT
    except KeyboardInterrupt:
        err.print("stopped at once; the next run needs no manual step", markup=False)
        return Exit.INTERRUPTED
    except Exception:  # the last net: a bug must leave with 1 and a trace, never with 0
        err.print(safe(traceback.format_exc(), 4000).replace("\\u{a}", "\n"), markup=False)
        return Exit.OUR_FAULT


def _reconcile(session: Session, detailed: bool) -> int:
    text = read(session.file, limit=YAML_BYTES, what="desired state")
    options = session.options
    if session.saved:
        raw = read(session.saved, limit=SAVED_PLAN_BYTES, what="plan")
        saved = plan_from_json(raw, place=str(session.saved))
        options = Options(**{**_fields(options), "saved": saved})
    signer = KeyFileSigner(read_keys(session.keys)) if session.keys and options.write else None
    started = _now()
    lock = locked(session.state_dir) if options.write else nullcontext()
    with lock, _signals() as caught, Bar(session.err_console, caught.stop) as bar:

        def connect(desired: Desired) -> Fleet:
            fleet = Fleet(desired, session.state_dir)
            if options.write:
                fleet.repair()
            return fleet

        done = run(
            text,
            str(session.file),
            options,
            connect,
            signer,
            bar,
            lambda plan, findings: _show_plan(session, plan, findings),
        )
    header = Header(
        _run_id(started), session.mode, _rfc3339(started), _rfc3339(_now()), __version__
    )
    report = _report(header, done, caught)
    _finish(session, done, report)
    code = Exit(report.exit_code)
    return Exit.DONE if code is Exit.CHANGES and not detailed else code


def _report(header: Header, done: Run, caught: _Caught) -> Report:
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
    if session.out:
        write(session.out, pretty(plan_to_json(plan)))
    shown = view(plan, digest(plan))
    if session.formats == "markdown":
        click.echo(markdown.render(shown, findings, verbose=session.verbose))
    elif session.formats == "text":
        terminal.show_plan(session.out_console, shown, findings, verbose=session.verbose)
    elif session.mode == "plan":
        click.echo(pretty(plan_to_json(plan)), nl=False)


def _finish(session: Session, done: Run, report: Report) -> None:
    document = pretty(report_to_json(report))
    write(session.report_dir / f"{report.run_id}.json", document)
    write(session.report_dir / "latest.json", document)
    if session.formats == "json" and session.mode == "apply":
        click.echo(document, nl=False)
    err, out = session.err_console, session.out_console
    if done.stale:
        err.print("the saved plan no longer matches the world; nothing was written:", markup=False)
        for line in done.stale[:20]:
            err.print(f"  {safe(line)}", markup=False)
    if session.formats == "text":
        terminal.show_outcomes(out, report.outcomes, verbose=session.verbose)
        if session.mode == "apply":
            terminal.show_recap(out, report)
    err.print(f"report: {session.report_dir / 'latest.json'}", markup=False, soft_wrap=True)


@dataclass
class _Caught:
    stop: Event = field(default_factory=Event)
    code: Exit | None = None


@contextmanager
def _signals() -> Iterator[_Caught]:
    """The first signal stops new work and lets the report be written; the second ends at once."""
    caught = _Caught()

    def hear(number: int, _: object) -> None:
        if caught.stop.is_set():
            raise KeyboardInterrupt
        caught.code = Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED
        caught.stop.set()

    old = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _fields(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


def _now() -> datetime:
    return datetime.now(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _run_id(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
