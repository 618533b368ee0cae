"""`reconcile pair NAME`: a remote signer (NIP-46) gets to know us, once."""

from __future__ import annotations

import getpass
import io
import ipaddress
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import segno

from reconciler.cli.guarded import guarded
from reconciler.cli.interrupts import listen
from reconciler.cli.places import STATE
from reconciler.cli.session import NOWHERE, Session
from reconciler.cli.signing import place
from reconciler.desired import parse
from reconciler.edge.allowance import Allowances
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.files import read
from reconciler.edge.mailbox import Mailbox
from reconciler.edge.paper import Paper
from reconciler.errors import Mistake, NotSigned, PeerFault, UserFault
from reconciler.limits import MEETING_SECONDS, YAML_BYTES
from reconciler.nostr import nip19, urls
from reconciler.report.codes import Exit
from reconciler.report.safe import safe
from reconciler.sign.bunker import pairing
from reconciler.sign.bunker.meeting import invite, meet
from reconciler.sign.bunker.pairing import Pairing
from reconciler.sign.bunker.uri import Bunker, parse_bunker
from reconciler.sign.keyfile import NAME
from reconciler.sign.process import forbid_dumps


@click.command(name="pair")
@click.argument("name")
@click.option("--relay", "relays", multiple=True, metavar="WSS_URL",
              help="Invite the signer there; default: read its bunker:// string.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1, 3600), default=MEETING_SECONDS,
              show_default=True, help="How long to wait for it.")  # fmt: skip
@click.pass_obj
def command(session: Session, /, name: str, relays: tuple[str, ...], seconds: float) -> None:
    """Pair the key NAME with a remote signer (NIP-46), such as Amber or a bunker.

    Without --relay its bunker:// string is asked for, or read from standard input. With --relay a
    nostrconnect:// string is shown, and as a QR code. Only signatures of announcements and states
    are ever asked for. The desired state says which private networks may be dialled.
    """
    sys.exit(guarded(session, lambda: _pair(session, name, relays, seconds))[0])


def _pair(session: Session, name: str, relays: Sequence[str], seconds: float) -> tuple[int, ...]:
    if session.state_dir == NOWHERE:
        raise UserFault(Mistake("the state folder", "there is no home to keep it in", STATE))
    if not NAME.fullmatch(name):
        message = "a name has letters, digits, dots, dashes and underscores"
        raise UserFault(Mistake("NAME", message, "write the signer's name of the desired state"))
    forbid_dumps()
    clock = Clock(listen().stop)
    egress = Egress(_networks(session.file))

    def mailbox(places: Sequence[str]) -> Mailbox:
        return Mailbox(places, egress, clock, Allowances(clock))

    try:
        if relays:
            named = tuple(_relay(relay) for relay in relays)
            found = invite(
                named, mailbox(named), lambda text: _show(session, text), seconds=seconds
            )
        else:
            bunker = _bunker()
            found = meet(bunker, mailbox(bunker.relays), seconds=seconds)
    except NotSigned as refused:
        session.say(f"not paired: {safe(str(refused))}")
        return (Exit.HELD,)
    _keep(session, name, found)
    return (Exit.DONE,)


def _keep(session: Session, name: str, found: Pairing) -> None:
    where = place(session, name)
    Paper(where).write(pairing.to_text(found))
    say = partial(session.stdout.print, markup=False, soft_wrap=True)
    say(f"paired: {name} signs for {nip19.npub(found.user)}")
    say(f"write this line into the signers file: {name}: bunker")


def _bunker() -> Bunker:
    text = getpass.getpass("bunker:// string: ") if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return parse_bunker(text)
    except PeerFault as fault:
        remedy = "copy it from the signer again; it is good for one pairing"
        raise UserFault(Mistake("the connection string", str(fault), remedy)) from None


def _show(session: Session, text: str) -> None:
    out = session.stdout
    out.print("Give this to the signer; it is good for this pairing only:\n", markup=False)
    out.print(text, markup=False, soft_wrap=True)
    code = io.StringIO()
    segno.make(text, error="l").terminal(code, compact=True)
    session.show(code.getvalue())


def _relay(text: str) -> str:
    try:
        return urls.canonical(text)
    except PeerFault as fault:
        remedy = "write it like wss://relay.example.org"
        raise UserFault(Mistake("--relay", str(fault), remedy)) from None


def _networks(
    file: Path,
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """The private networks that the desired state allows; none where there is no desired state."""
    if not file.exists():
        return ()
    desired = parse(read(file, limit=YAML_BYTES, what="desired state"), place=str(file))
    return tuple(ipaddress.ip_network(word) for word in desired.policies.allow_private)
