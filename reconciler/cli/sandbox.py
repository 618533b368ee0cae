"""`reconcile sandbox up|serve|fault|demo`: embedded servers, for people to look at and to break."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import click
import requests
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reconciler.cli.arguments import PATH
from reconciler.cli.interrupts import listen
from reconciler.cli.session import Session
from reconciler.errors import NetworkFault
from reconciler.report.codes import Exit
from reconciler.sandbox.demo import history
from reconciler.sandbox.demo.fleet import FAMILIES, DemoFleet, start_fleet
from reconciler.sandbox.demo.newcomer import newcomer
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.faults import FAULTS
from reconciler.sandbox.server import ServerSpec, start

_CONTROL_SECONDS = 5.0

_STORY = {
    "alpha": "has everything",
    "beta": "is stale",
    "gamma": "has diverged",
    "delta": "is empty; alice does not list it yet, carol never did",
    "epsilon": "is ill: its git side answers 502",
    "index": "a plain relay",
}


@click.group(name="sandbox")
def command() -> None:
    """Embedded GRASP servers on loopback, with repositories in a known disorder."""


@command.command()
@click.option("--dir", "folder", type=PATH, help="Keep the fleet's files here; default: temporary.")
@click.pass_obj
def up(session: Session, folder: Path | None) -> None:
    """Start the fleet and keep it running until Ctrl-C."""
    stop = listen().stop
    with _fleet(folder) as fleet:
        _legend(session.stdout, fleet)
        some = next(iter(fleet.sources))
        clone = f"{fleet.url('alpha')}/{fleet.people['alice'].npub}/widget.git"
        for line in (
            "",
            "Try, from another terminal:",
            f"  git clone {clone}",
            f"  reconcile --plan -f {fleet.desired}",
            f"  reconcile --apply -f {fleet.desired} --signers {fleet.keys}",
            f"  a nostr client at {fleet.servers['alpha'].relay_url} (author {some.owner[:16]}…)",
            "",
            "Ctrl-C ends the fleet.",
        ):
            session.stdout.print(line, markup=False, soft_wrap=True)
        stop.wait()


@command.command(
    help="Start one server of a family, empty at first, until Ctrl-C.\n\n"
    f"FAMILY is one of {', '.join(PRESETS)}; spec is GRASP-01 to the letter."
)
@click.argument("family", metavar="FAMILY", type=click.Choice(list(PRESETS)))
@click.option("--dir", "folder", type=PATH, help="Keep the server's files; default: temporary.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any free one.")
@click.option("--sync", is_flag=True, help="Proactive sync with the relays of announcements.")
@click.option("--follow", default="", metavar="WS_URL", help="Sync with this relay, too.")
@click.pass_obj
def serve(
    session: Session, *, family: str, folder: Path | None, port: int, sync: bool, follow: str
) -> None:
    """One server, until Ctrl-C."""
    stop = listen().stop
    with tempfile.TemporaryDirectory(prefix="grasp-sandbox-") as temporary:
        where = folder.absolute() if folder else Path(temporary)
        spec = ServerSpec(
            name=family,
            directory=where,
            family=family,
            port=port,
            sync=sync or bool(follow),
            bootstrap=follow,
        )
        try:
            server = start(spec)
        except NetworkFault as error:
            raise click.UsageError(f"{error}; take another --port") from None
        try:
            session.stdout.print(server.url, server.relay_url, markup=False, soft_wrap=True)
            stop.wait()
        finally:
            server.stop()


@command.command()
@click.pass_obj
def demo(session: Session) -> None:
    """Plan, apply and plan again on a fresh fleet."""
    out = session.stdout
    with _fleet(None) as fleet:
        _legend(out, fleet)
        base = ["-f", fleet.desired, "--state-dir", fleet.folder / "state"]
        base += ["--report-dir", session.report_dir]
        first = _call(out, "What would be done?", ["--plan", *base])
        done = _call(out, "Do it.", ["--apply", *base, "--signers", fleet.keys], hide_plan=True)
        last = _call(out, "Is anything left?", ["--plan", "--detailed-exitcode", *base])
        expected = (Exit.UNKNOWN, Exit.UNKNOWN, Exit.UNKNOWN)
        story = session.report_dir / "latest.json"
        out.print(f"\nThe whole story as JSON: {story}", soft_wrap=True)
        if (first, done, last) != expected:
            out.print(f"exit codes {first}, {done}, {last}; expected 6, 6, 6", style="bold red")
            sys.exit(Exit.OUR_FAULT)
        out.print(
            "Exit codes were 6 each time: epsilon could not be observed. The apply had 7 too: "
            "carol's announcements, which nobody here may sign, do not list delta.",
            style="dim",
        )
        _newcomer(session, fleet.folder / "newcomer")


def _newcomer(session: Session, folder: Path) -> None:
    """From a plain git host to four servers of four families, and a commit later the same."""
    out = session.stdout
    with newcomer(folder) as erin:
        base = ["--apply", "-f", erin.desired, "--state-dir", folder / "state"]
        base += ["--signers", erin.keys, "--report-dir", session.report_dir / "erin"]
        out.print(Text("\nerin has a key and a repository on a plain git host, and says:\n"))
        out.print(Text(erin.desired.read_text()), soft_wrap=True)
        codes = [_call(out, "Put it on all four.", base, hide_plan=True)]
        tips = [(history.refs(erin.source)["refs/heads/main"], erin.clones())]
        tips.append((erin.commit(), ()))
        codes.append(_call(out, "A commit at the host later.", base, hide_plan=True))
        tips[1] = (tips[1][0], erin.clones())
    for tip, cloned in tips:
        same = sum(found == tip for found in cloned)
        out.print(f"git clone of main: {tip[:10]} from {same} of {len(cloned)} servers")
    if codes != [Exit.DONE, Exit.DONE] or any(set(cloned) != {tip} for tip, cloned in tips):
        out.print(f"exit codes {codes}; expected 0 and 0, and equal clones", style="bold red")
        sys.exit(Exit.OUR_FAULT)


@command.command()
@click.argument("url")
@click.argument("name", required=False)
@click.option("--times", type=int, help="Strike so many times; default: until lifted.")
@click.option("--seconds", type=float, help="Lift it by itself after this time.")
@click.option("--value", type=int, help="The fault's number: events, refs or bytes.")
@click.option("--method", help="Only requests with this HTTP method.")
@click.option("--path", help="Only requests with this in their path.")
@click.option("--message", help="Only relay messages with this in their text.")
@click.option("--clear", is_flag=True, help="Be healthy again.")
@click.pass_obj
def fault(
    session: Session, /, url: str, name: str | None, clear: bool, **aim: str | float | None
) -> None:
    """Make the sandbox server at URL show the fault NAME, or lift all faults."""
    if clear is (name is not None):
        raise click.UsageError(f"give a fault or --clear; there are {', '.join(FAULTS)}")
    where = f"{url.rstrip('/')}/_sandbox/faults" + (f"/{name}" if name else "")
    given = {key: value for key, value in aim.items() if value is not None}
    try:
        method = "DELETE" if clear else "POST"
        answer = requests.request(method, where, params=given, timeout=_CONTROL_SECONDS)
    except requests.RequestException as error:
        raise click.ClickException(f"{url} does not answer: {type(error).__name__}") from None
    if answer.status_code != HTTPStatus.NO_CONTENT:
        raise click.ClickException(answer.text or f"HTTP {answer.status_code}")
    session.stdout.print("healthy" if clear else f"{name} is armed", markup=False)


@contextmanager
def _fleet(folder: Path | None) -> Iterator[DemoFleet]:
    project = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="grasp-sandbox-") as temporary:
        where = folder.absolute() if folder else Path(temporary)
        where.mkdir(parents=True, exist_ok=True)
        if any(where.iterdir()):
            raise click.UsageError(f"{where} is not empty")
        fleet = start_fleet(where, project=project)
        try:
            yield fleet
        finally:
            fleet.stop()


def _legend(console: Console, fleet: DemoFleet) -> None:
    table = Table(box=None, pad_edge=False, title="The fleet", title_justify="left")
    for name in ("name", "url", "family", "condition"):
        table.add_column(name)
    rows = {name: (fleet.url(name), family) for name, family in FAMILIES.items()}
    rows |= {"index": (fleet.index.relay_url, "relay")}
    for name, (url, family) in rows.items():
        table.add_row(name, url, family, _STORY[name])
    console.print(table)


def _call(console: Console, question: str, args: list[object], *, hide_plan: bool = False) -> int:
    """Run the program as a person would, in a process of its own."""
    if listen().stop.is_set():
        sys.exit(Exit.INTERRUPTED)
    console.print(Text(f"\n── {question}   $ reconcile {args[0]}\n", style="bold cyan"))
    words = [sys.executable, "-m", "reconciler", *map(str, args)]
    if not hide_plan:
        return subprocess.run(words, check=False).returncode
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True)
    console.print(Text("Recap" + done.stdout.rpartition("Recap")[2].rstrip()))
    return done.returncode
