"""`reconcile serve`: the last reports on a port, without running anything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.arguments import PATH
from reconciler.cli.guarded import guarded, signals
from reconciler.cli.session import Session
from reconciler.cli.sources import Folder
from reconciler.errors import Mistake, UserFault
from reconciler.report.codes import Exit, leaving
from reconciler.serving.server import Server

HOST = "127.0.0.1"
PORT = 9680


@click.command(name="serve")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True)
@click.option("--report-dir", type=PATH, default=None, help="Where the reports are.")
@click.pass_obj
def command(session: Session, /, host: str, port: int, report_dir: Path | None) -> None:
    """Serve the page, /health, /api/mirror-health and /metrics from the last reports.

    Everybody who reaches the port can read them, and nobody can change anything.
    """

    def do() -> Sequence[int]:
        server = listening(host, port, Folder(report_dir or session.report_dir))
        with signals() as caught:
            server.start()
            session.say(f"serving {server.url}")
            caught.stop.wait()
            server.end()
        return (Exit.DONE,)

    sys.exit(leaving(guarded(session, do)))


def listening(host: str, port: int, source: Folder) -> Server:
    """A server that holds its port. Raises UserFault: the port cannot be had."""
    try:
        return Server(host, port, source)
    except OSError as error:
        place = f"{host}:{port}"
        message = f"cannot be listened on: {error.strerror or error}"
        raise UserFault(Mistake(place, message, "give another --host or --port")) from None
