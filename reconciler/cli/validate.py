"""`reconcile validate`: the desired state is read, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli.arguments import PATH
from reconciler.cli.guarded import guarded
from reconciler.cli.session import Session
from reconciler.desired import parse
from reconciler.edge.files import read
from reconciler.limits import YAML_BYTES
from reconciler.report.codes import Exit, leaving
from reconciler.report.words import plural


@click.command(name="validate")
@click.option("-f", "--file", type=PATH, default=None, help="The desired state.")
@click.pass_obj
def command(session: Session, /, file: Path | None) -> None:
    """Read the desired state and report every mistake in it."""
    codes = guarded(session, lambda: check(session, file or session.file))
    sys.exit(leaving(codes, without=session.exit_zero_on, detailed=session.detailed_exitcode))


def check(session: Session, file: Path) -> tuple[int, ...]:
    """Say what stands in it. Raises UserFault: with all of its mistakes."""
    found = parse(read(file, limit=YAML_BYTES, what="desired state"), place=str(file))
    counts = f"{plural(len(found.servers), 'server')}, {plural(len(found.npubs), 'npub')}"
    session.stdout.print(f"{file}: valid ({counts})", markup=False, soft_wrap=True)
    return (Exit.DONE,)
