"""`reconcile explain CELL`: one look at the world, and what it means for one cell."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from reconciler.cli.guarded import guarded, signals
from reconciler.cli.session import Session
from reconciler.desired import parse
from reconciler.edge.clock import Clock
from reconciler.edge.files import read
from reconciler.edge.fleet import Fleet
from reconciler.errors import Mistake, UserFault
from reconciler.facts.selection import select
from reconciler.limits import YAML_BYTES
from reconciler.observe import observe
from reconciler.plan import plan
from reconciler.report import terminal
from reconciler.report.codes import Exit, leaving
from reconciler.report.explain import explain
from reconciler.report.progress import Bar
from reconciler.report.safe import safe


@click.command(name="explain")
@click.argument("cell")
@click.pass_obj
def command(session: Session, /, cell: str) -> None:
    """Why a CELL is as it is: `alice/widget@beta`, or `alice/widget` on every server.

    Asks the servers, and says which events, signers, refs and rules decide.
    """
    sys.exit(leaving(guarded(session, lambda: _explain(session, cell))))


def _explain(session: Session, cell: str) -> Sequence[int]:
    text = read(session.file, limit=YAML_BYTES, what="desired state")
    desired = parse(text, place=str(session.file))
    selection = select(desired, (cell.partition("@")[0],))
    with (
        signals() as caught,
        Bar(session.stderr, caught.stop) as bar,
        Fleet(desired, session.state_dir, Clock(caught.stop)) as world,
    ):
        observed = observe(desired, world, bar, selection, forks=session.options.forks)
        found = explain(cell, desired, observed, plan(desired, observed, selection))
    if not found:
        message = f"no repository and server fits {safe(cell)}"
        raise UserFault(Mistake("CELL", message, "write it like alice/widget@beta"))
    session.show(terminal.listed_lines(found, session.look))
    return (caught.code or Exit.DONE,)
