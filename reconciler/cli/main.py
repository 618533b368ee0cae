"""The command line itself: what there is to ask for. A call loads what it uses: `--version` and a
wrong word need no relay."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from reconciler import __version__
from reconciler.cli.arguments import (
    PATH,
    SETTINGS,
    Accept,
    Codes,
    Duration,
    Group,
    Save,
    SavedPlan,
    Shard,
)
from reconciler.cli.guarded import guarded
from reconciler.cli.session import resolve
from reconciler.limits import RUN_SECONDS, WAIT_SECONDS
from reconciler.report.codes import leaving
from reconciler.report.formats import FORMATS


@click.group(cls=Group, invoke_without_command=True, context_settings=SETTINGS)
@click.option(
    "-f",
    "--file",
    type=PATH,
    default="desired-state.yaml",
    show_default=True,
    help="Desired state.",
)
@click.option(
    "--plan", "plan", is_flag=True, help="Show what would be done (also without this flag)."
)
@click.option(
    "--apply",
    type=SavedPlan(),
    is_flag=False,
    flag_value=Path(),
    default=None,
    metavar="[PLAN.json]",
    help="Do it; with a saved plan, exactly that or nothing.",
)
@click.option("--out", type=PATH, help="With --plan: save the plan here.")
@click.option(
    "--base",
    type=PATH,
    help="Desired state before the change under review: what it asked for too is called drift, and "
    "no other private network than its own is spoken to.",
)
@click.option(
    "--signers",
    "--keys",
    "keys",
    envvar=["RECONCILE_SIGNERS", "RECONCILE_KEYS"],
    metavar="FILE|fd:N|env:NAME",
    help="The keys that the desired state names.",
)
@click.option(
    "--passphrase-fd", type=click.IntRange(0), help="Where the passphrases of encrypted keys are."
)
@click.option(
    "--approval-wait",
    type=Duration(),
    default="60s",
    show_default=True,
    help="How long to wait for a remote signer; a later run uses a late approval.",
)
@click.option(
    "--still-valid",
    is_flag=True,
    help="With --apply PLAN.json: do what of it is still as reviewed, and say what fell away.",
)
@click.option("--accept", type=Accept(), multiple=True, help="Lift one guard for this very plan.")
@click.option("--limit", multiple=True, metavar="GLOB", help="Only repositories that match.")
@click.option("--shard", type=Shard(), default="1/1", help="Only this share of the repositories.")
@click.option(
    "--forks",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="Servers that are worked on at the same time.",
)
@click.option(
    "--wait",
    type=Duration(),
    default=f"{WAIT_SECONDS:.0f}s",
    show_default=True,
    help="How long to wait for what servers do by themselves.",
)
@click.option(
    "--max-duration",
    type=Duration(),
    default=f"{RUN_SECONDS / 60:.0f}m",
    show_default=True,
    help="Begin nothing new after this; the next run goes on.",
)
@click.option("--deep", is_flag=True, help="Try a clone of every repository on every server.")
@click.option(
    "--format",
    "format_",
    envvar="RECONCILE_FORMAT",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="What stdout gets.",
)
@click.option("--report-dir", type=PATH, default="reports", show_default=True)
@click.option(
    "--save",
    type=Save(),
    multiple=True,
    help="Write what is shown to a file too, in any format.",
)
@click.option("--metrics", type=PATH, help="Write metrics here, for node_exporter's textfile.")
@click.option(
    "--notify",
    metavar="URL",
    help="Tell a webhook when not all is well, and when it is again. Better by RECONCILE_NOTIFY: "
    "such an address is a secret.",
)
@click.option("--keep", type=click.IntRange(1), help="Leave this many reports, the newest.")
@click.option("--state-dir", type=PATH, help="Archive and lock.")
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 2 when changes are pending.")
@click.option(
    "--exit-zero-on",
    type=Codes(),
    default=(),
    help="Count these as success; what holds besides them still decides.",
)
@click.option("-v", "--verbose", "--diff", "verbose", is_flag=True, help="Every ref and event.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something is not well.")
@click.version_option(__version__, prog_name="reconcile")
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Make GRASP servers hold what desired-state.yaml says.

    Without --apply nothing is ever written to a server.
    """
    if given["plan"] and given["apply"] is not None:
        raise click.UsageError("--plan and --apply exclude each other")
    if given["still_valid"] and given["apply"] in (None, Path()):
        raise click.UsageError("--still-valid goes with --apply PLAN.json")
    if given["out"] and given["apply"] is not None:
        raise click.UsageError("--out saves a plan, so it goes with --plan")
    context.obj = session = resolve(given)
    if context.invoked_subcommand is None:
        codes = guarded(session, lambda: import_module("reconciler.cli.job").reconcile(session))
        sys.exit(leaving(codes, without=session.exit_zero_on, detailed=session.detailed_exitcode))
