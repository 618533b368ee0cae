"""`reconcile conformance URL`: the rows of the table against anybody's server."""

from __future__ import annotations

import fnmatch
import sys
import tempfile
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

import click

from reconciler.cli.interrupts import listen
from reconciler.cli.session import Session
from reconciler.conformance import rows, show
from reconciler.conformance.table import FAMILIES, ROWS, SPEC, Row
from reconciler.conformance.trial import Court, Terms
from reconciler.conformance.verdict import Trial
from reconciler.errors import ReconcileError
from reconciler.nostr import urls

_FORMS = {"text": show.text, "json": show.document, "markdown": show.markdown}
_SAY_SECONDS = 10.0


@click.command(name="conformance")
@click.argument("url")
@click.option("--family", type=click.Choice(FAMILIES), default=SPEC, show_default=True,
              help="Whose column of the table is expected.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(list(_FORMS)), help="What stdout gets.")
@click.option("--only", multiple=True, metavar="GLOB", help="Only rows that match.")
@click.option("--i-own", multiple=True, metavar="HOST",
              help="This host, which is not this machine, is yours to test.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 32), default=8, show_default=True,
              help="Rows that are asked at the same time.")  # fmt: skip
@click.option("--row-seconds", type=click.FloatRange(1, 600), default=150, show_default=True,
              help="Time for one row.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=900, show_default=True,
              help="Time for all: later rows are not run.")  # fmt: skip
@click.option("--fresh-address", is_flag=True,
              help="Name another client on each connection (X-Forwarded-For), for a server that "
              "counts budgets by it.")  # fmt: skip
@click.pass_obj
def command(
    session: Session,
    /,
    url: str,
    family: str,
    form: str | None,
    only: tuple[str, ...],
    i_own: tuple[str, ...],
    **held: float,
) -> None:
    """Ask the server at URL every question of the table that needs no inside view.

    It publishes events and pushes commits, under keys and in repositories of its own, and asks for
    their deletion afterwards.
    """
    url = _permitted(url, i_own)
    terms = Terms(
        url=url,
        family=family,
        jobs=int(held["jobs"]),
        row_seconds=held["row_seconds"],
        seconds=held["seconds"],
        fresh_address=bool(held["fresh_address"]),
    )
    chosen = _chosen(only)
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        court = Court(terms=terms, folder=Path(folder), say=_Counter(session, len(chosen)).say)
        trial = _held(court, chosen)
    # a form that only plans and reports have is no reason to show nothing
    shown = _FORMS.get(form or session.format, show.text)(trial)
    session.stdout.out(shown.rstrip("\n"), highlight=False)
    sys.exit(trial.ended)


def _held(court: Court, chosen: Sequence[Row]) -> Trial:
    """The trial; a signal ends the process at once, and what was made on the server stays."""
    heard, ends = listen(), SimpleQueue[Trial | BaseException | None]()

    def hold() -> None:
        try:
            ends.put(court.hold(chosen))
        except BaseException as error:  # it ends the main thread, where it is shown
            ends.put(error)

    heard.stop.wakes(lambda: ends.put(None))
    Thread(target=hold, daemon=True).start()
    end = ends.get()
    if isinstance(end, BaseException):
        raise end
    if end is None:
        sys.exit(128 + heard.number)
    return end


def _chosen(only: tuple[str, ...]) -> list[Row]:
    wanted = [ROWS[name] for name in rows.NAMES]
    found = [r for r in wanted if not only or any(fnmatch.fnmatch(r.id, g) for g in only)]
    if not found:
        raise click.UsageError("--only matches no row")
    return found


def _permitted(url: str, own: tuple[str, ...]) -> str:
    """The URL in canonical form, when it is this machine's or said to be one's own."""
    try:
        found = urls.canonical(url)
    except ReconcileError as error:
        raise click.UsageError(str(error)) from None
    host = urlsplit(found).hostname or ""
    if host not in own and not _is_loopback(host):
        raise click.UsageError(
            f"{host} is not this machine: this command writes to the server and asks odd "
            f"questions; say --i-own {host} if it is yours"
        )
    return found


def _is_loopback(host: str) -> bool:
    """By its spelling alone: nobody is asked what a name means."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _Counter:
    """Says on stderr how far it is, now and then."""

    def __init__(self, session: Session, total: int) -> None:
        self._session, self._total = session, total
        self._said = time.monotonic()

    def say(self, done: int) -> None:
        """So many rows are done."""
        if time.monotonic() - self._said > _SAY_SECONDS:
            self._said = time.monotonic()
            self._session.say(f"{done} of {self._total} rows")
