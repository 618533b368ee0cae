"""`reconcile merge`: the reports of shards that ran on other machines, as one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli import provenance
from reconciler.cli.arguments import PATH
from reconciler.cli.guarded import guarded
from reconciler.cli.session import Session
from reconciler.cli.shown import finish
from reconciler.edge.files import read
from reconciler.errors import Mistake, UserFault
from reconciler.limits import SAVED_REPORT_BYTES
from reconciler.model.codec import report_from_json
from reconciler.report.codes import leaving
from reconciler.report.joined import amiss, joined

_REMEDY = "give the reports of all shards of one run, each once"


@click.command(name="merge")
@click.argument("reports", nargs=-1, required=True, type=PATH)
@click.pass_obj
def command(session: Session, /, reports: tuple[Path, ...]) -> None:
    """Join the REPORTS of all shards (`--shard i/n`) into one, and write it to the report folder.

    Refuses when a shard is missing or there twice, or when they are not of one desired state.
    Leaves with the codes that held in any of them.
    """
    codes = guarded(session, lambda: _merge(session, reports))
    sys.exit(leaving(codes, without=session.exit_zero_on, detailed=session.detailed_exitcode))


def _merge(session: Session, paths: Sequence[Path]) -> Sequence[int]:
    found = [
        report_from_json(read(path, limit=SAVED_REPORT_BYTES, what="report"), place=str(path))
        for path in paths
    ]
    if wrong := tuple(amiss(found)):
        raise UserFault(*(Mistake("REPORTS", why, _REMEDY) for why in wrong))
    report = joined(found, actor=provenance.actor())
    as_run = replace(
        session,
        apply=report.mode == "apply",
        options=replace(session.options, limit=report.limit),
    )
    return finish(as_run, report)
