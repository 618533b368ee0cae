"""`reconcile verify`: the servers alone, without a plan. Reads a little, and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import click

from reconciler.cli.guarded import guarded, signals
from reconciler.cli.session import Session
from reconciler.desired import parse
from reconciler.edge.clock import Clock
from reconciler.edge.files import read
from reconciler.edge.fleet import Fleet
from reconciler.errors import PeerFault
from reconciler.facts.dialects import detect
from reconciler.limits import YAML_BYTES
from reconciler.model.desired import Desired
from reconciler.model.observed import Listing
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Announcement, announcement
from reconciler.report import terminal
from reconciler.report.codes import Exit, leaving, worst
from reconciler.report.safe import safe
from reconciler.report.verified import Check, Verified, clock, lines
from reconciler.report.words import plural
from reconciler.world import Failure, World


@click.command(name="verify")
@click.pass_obj
def command(session: Session, /) -> None:
    """Ask each server what it is: its document (NIP-11), relay, git side, clock and family.

    Leaves with 3 when one is not what it should be, and with 6 when one did not answer. For the
    write path there is `reconcile conformance`.
    """
    sys.exit(leaving(guarded(session, lambda: _verify(session))))


def _verify(session: Session) -> Sequence[int]:
    text = read(session.file, limit=YAML_BYTES, what="desired state")
    desired = parse(text, place=str(session.file))
    places = [(server.url, True) for server in desired.servers]
    places += [(url, False) for url in desired.index_relays]
    with (
        signals() as caught,
        Fleet(desired, session.state_dir, Clock(caught.stop)) as world,
        ThreadPoolExecutor(session.options.forks) as pool,
    ):
        relays = list(pool.map(lambda place: _relay(desired, world, *place), places))
        ours = [found for relay in relays for found in relay.ours]
        found = list(pool.map(lambda relay: _verified(desired, world, relay, ours), relays))
    session.show(terminal.listed_lines(lines(found), session.look))
    codes = {Exit.UNKNOWN} if any(server.unknown for server in found) else set()
    codes |= set() if all(server.ok for server in found) else {Exit.FAILED}
    return worst(codes | ({caught.code} if caught.code else set()))


@dataclass(frozen=True, slots=True)
class _Relay:
    """What the relay side of a server answered; `ours` are announcements of ours that it serves."""

    url: str
    grasp: bool
    checks: tuple[Check, ...]
    ours: tuple[Announcement, ...] = ()
    unknown: bool = False


def _relay(desired: Desired, world: World, url: str, grasp: bool) -> _Relay:
    authors = tuple(npub.pubkey for npub in desired.npubs)
    checks = list(_document(world, url, grasp))
    try:
        events = world.relay(url).query([Filter(kinds=(kinds.ANNOUNCEMENT,), authors=authors)])
    except Failure as failure:
        why = Check("relay", None, safe(str(failure.unknown), 500))
        return _Relay(url, grasp, (*checks, why), unknown=True)
    checks.append(Check("relay", True, plural(len(events), "announcement") + " of ours"))
    ours = tuple(found for event in events for found in _read(event))
    return _Relay(url, grasp, tuple(checks), ours)


def _document(world: World, url: str, grasp: bool) -> Iterator[Check]:
    try:
        info = world.info(url)
    except Failure as failure:
        yield Check("document", None, safe(str(failure.unknown), 500))
        return
    what = safe(f"{info.software} {info.version}".strip()) or "names no software"
    told = ", ".join([what, *map(safe, info.grasps)])
    yield Check("document", "GRASP-01" in info.grasps or not grasp, told)
    if grasp:
        yield Check("family", True, f"taken for {detect(info).name}")


def _verified(
    desired: Desired, world: World, relay: _Relay, ours: Sequence[Announcement]
) -> Verified:
    checks = [*relay.checks, clock(world.skew(relay.url))]
    checks += [_git(world, relay.url, ours)] if relay.grasp else []
    silent = relay.unknown or any(c.name == "git" and c.ok is None and c.asked for c in checks)
    return Verified(desired.called(relay.url), tuple(checks), unknown=silent)


def _read(event: Event) -> Iterator[Announcement]:
    try:
        yield announcement(event)
    except PeerFault:
        return


def _git(world: World, url: str, ours: Sequence[Announcement]) -> Check:
    """The first repository that lists the server is asked for, whoever serves its announcement."""
    listed = [found for found in ours if url in found.servers()]
    if not listed:
        return Check("git", None, "no announcement of ours lists it", asked=False)
    coordinate = min(found.coordinate for found in listed)
    name = safe(coordinate.identifier)
    try:
        refs = world.refs(url, coordinate)
    except Failure as failure:
        return Check("git", None, f"{name}: {safe(str(failure.unknown), 500)}")
    if isinstance(refs, Listing):
        return Check("git", True, f"{name} has {plural(len(refs.refs), 'ref')}")
    return Check("git", True, f"answers; {name} is not there")
