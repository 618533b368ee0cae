"""Plans for tests of the views: one small and whole, one hostile, one huge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.git.receive_pack import RefUpdate
from reconciler.guard import judge
from reconciler.model.actions import Push, Wave, Why
from reconciler.model.desired import Desired, Npub
from reconciler.model.observed import Absent, Observed
from reconciler.model.outcome import Finding
from reconciler.model.plan import (
    CellVerdict,
    Hold,
    HoldReason,
    Plan,
    RepositorySummary,
    ServerSummary,
    Verdict,
)
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.view import PlanView, view
from tests.kit import values
from tests.kit.people import ALICE, BOB, WIDGET, url
from tests.kit.values import ZERO, oid, refs

SERVERS = ("alpha", "beta", "gamma", "delta", "epsilon")
OWNERS = (
    Npub(pubkey=ALICE.pubkey, name="alice", signer="alice-key"),
    Npub(pubkey=BOB.pubkey, name="bob"),
)


def small() -> tuple[Desired, Observed]:
    """A branch to go, a stale pair, a server to sign in, one that is down, one empty repository."""
    wish = values.desired(*SERVERS, owners=OWNERS)
    listed = ["alpha", "beta", "gamma", "epsilon", "foreign"]
    ann = ALICE.announce("widget", listed)
    old = ALICE.state("widget", {"refs/heads/main": oid(1)}, at=5)
    new = ALICE.state(
        "widget",
        {"refs/heads/main": oid(2), "refs/tags/v1": oid(3)},
        head="refs/heads/nowhere",
        at=10,
    )
    pull = BOB.sign(1618, ("a", str(WIDGET)), ("c", oid(4)), at=20)
    empty = BOB.announce("blank", SERVERS)
    full = {"refs/heads/main": oid(2), "refs/tags/v1": oid(3), f"refs/nostr/{pull.id}": oid(4)}
    stale = {"refs/heads/main": oid(1), "refs/heads/gone": oid(5)}
    blank = BOB.coordinate("blank")
    views = (
        values.view("alpha", [ann, new, pull, empty], {WIDGET: refs(full), blank: refs({})}),
        values.view("beta", [ann, old], {WIDGET: refs(stale, "refs/heads/gone"), blank: Absent()}),
        values.view("gamma", [ann, old], {WIDGET: refs(stale), blank: Absent()}),
        values.view("delta", [], {WIDGET: Absent(), blank: Absent()}),
        values.view("epsilon", down=True),
    )
    return wish, values.observed([ann, old, new, pull, empty], *views)


def small_plan() -> tuple[Plan, tuple[Finding, ...]]:
    wish, seen = small()
    plan = values.planned(wish, seen)
    return plan, judge(plan, wish, seen)


EVIL = (
    "\x1b[2J\u202e\n\r::error::`|``@team <img src=x onerror=alert(1)> [bold]x[/bold] [a](http://e)"
)


def hostile() -> tuple[Plan, tuple[Finding, ...]]:
    """Every text that a stranger chooses is the worst that we can think of."""
    plan, _ = small_plan()
    coordinate = Coordinate("a" * 64, EVIL)
    ref = "refs/heads/" + EVIL
    push = Push(
        coordinate=coordinate,
        server=url("alpha"),
        updates=(
            RefUpdate(ref, oid(1), ZERO),
            RefUpdate(ref, ZERO, oid(1)),
            RefUpdate(ref, oid(1), oid(2)),
        ),
        sources=(),
        wave=Wave.PUSH,
        why=Why.REFS_DIFFER,
    )
    evil = replace(
        plan,
        repositories=(
            RepositorySummary(
                coordinate=coordinate,
                name=EVIL,
                announcement="a" * 64,
                state=None,
                authority=(),
                refs=1,
                events=1,
            ),
        ),
        servers=(
            ServerSummary(
                url=url("alpha"),
                name="alpha.example",
                grasp=True,
                dialect="spec",
                software=EVIL,
                unknown=EVIL,
            ),
        ),
        actions=(push,),
        holds=(
            Hold(
                coordinate=coordinate,
                server=None,
                reason=HoldReason.TIE,
                detail=EVIL,
                release="release",
            ),
        ),
        cells=(CellVerdict(coordinate, url("alpha"), Verdict.DRIFTED, EVIL, 1),),
        discovered=(f"https://x.example/::error::`|@team[bold]{EVIL}",),
        silent=(EVIL,),
    )
    finding = Finding(
        guard="delete-head", repository=EVIL, server=url("alpha"), detail=f"deletes {EVIL}", keys=()
    )
    return evil, (finding,)


def huge(count: int) -> Plan:
    """Many repositories, each with a branch that goes and a hold of its own."""
    coordinates = [Coordinate("a" * 64, f"repository-{number}") for number in range(count)]
    servers = tuple(
        ServerSummary(
            url=url(s), name=f"{s}.example", grasp=True, dialect="spec", software="", unknown=None
        )
        for s in SERVERS
    )
    return Plan(
        desired_digest="d" * 64,
        created_at=0,
        repositories=tuple(
            RepositorySummary(
                coordinate=c,
                name=f"alice/{c.identifier}",
                announcement="a" * 64,
                state=None,
                authority=(),
                refs=1,
                events=1,
            )
            for c in coordinates
        ),
        servers=servers,
        actions=tuple(
            Push(
                coordinate=c,
                server=url("alpha"),
                updates=(RefUpdate(f"refs/heads/{c.identifier}", oid(1), ZERO),),
                sources=(),
                wave=Wave.PUSH,
                why=Why.REFS_DIFFER,
            )
            for c in coordinates
        ),
        holds=tuple(
            Hold(coordinate=c, server=None, reason=HoldReason.TIE, detail=c.identifier, release="x")
            for c in coordinates
        ),
        cells=tuple(CellVerdict(c, url("alpha"), Verdict.DRIFTED) for c in coordinates),
    )


def viewed(plan: Plan, findings: Sequence[Finding] = ()) -> PlanView:
    return view(plan, findings)
