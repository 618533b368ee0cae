"""The program against every family: an empty server fills, later changes follow, nothing is written
twice; and bad answers to pushes whose work was done."""

from __future__ import annotations

import pytest

from reconciler.facts.dialects import detect
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import new
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.faults import Aim
from reconciler.sandbox.server import ServerSpec, start
from tests.kit.clock import Clock
from tests.kit.program import DAY, Case, Result

GITEA = "gitea"


def raise_other(case: Case, family: str, clock: Clock) -> None:
    """A full ngit-grasp server and an empty one of the family, which has a clock of its own."""
    case.start("full")
    spec = ServerSpec(name="other", directory=case.folder / "servers" / "other", family=family)
    case.servers["other"] = start(spec, clock=clock)
    case.repository("widget", on=["full"])
    case.desired()


def converge(case: Case, clock: Clock) -> Result:
    """Apply, and let grasp-gitea serve what waits: it looks every half minute only."""
    done = case.reconcile("--apply")
    clock.advance(31)
    case.refs("other", "widget")
    return done


def judge(case: Case, done: Result, family: str) -> None:
    """Refs are equal, the verdict follows, and the server counts no write in one run more."""
    assert {o["result"] for o in done.report["outcomes"]} <= {"done", "unchanged", "settling"}
    assert done.code == (3 if family == GITEA else 0), done.out + done.err
    assert case.refs("other", "widget") == case.refs("full", "widget") != {}
    server = case.servers["other"]
    before = server.counters.snapshot()
    again = case.reconcile("--apply")
    after = server.counters.snapshot()
    assert (again.code, again.verdicts(server.url)) == (0, {"in-sync"})
    for name in ("events_received", "pushes_received"):
        assert after[name] == before[name]


FAST = ("khatru", "ngit-grasp")
"""The two that differ most from each other; `make long` has all."""
FAMILIES = [
    pytest.param(name, marks=() if name in FAST else pytest.mark.long) for name in sorted(PRESETS)
]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_empty_server_fills_and_follows(case: Case, family: str) -> None:
    clock = Clock()
    raise_other(case, family, clock)
    judge(case, converge(case, clock), family)
    change(case)
    judge(case, converge(case, clock), family)


def change(case: Case) -> None:
    """On the full server: a branch goes, a commit comes, and people talk."""
    source, full = case.sources["widget"], case.servers["full"].url
    history.delete(source, "refs/heads/feature/search")
    case.host("widget", None, ["full"], at=case.now - DAY)
    history.extend(source, 7)
    case.host("widget", None, ["full"], at=case.now - DAY + 5)
    bob, where = new("bob"), Coordinate(case.owner.pubkey, "widget")
    tip = history.extend(source, 9, "proposal")
    history.delete(source, "refs/heads/proposal")
    issue = authors.issue(bob, where, "x", at=case.now - 50)
    reply = authors.comment(bob, issue, issue, "yes", at=case.now - 40)
    pull = authors.pull(bob, where, tip, full, at=case.now - 30)
    assert all(ok.accepted for ok in history.send(full, [issue, reply, pull]))
    history.push(source, full, where.owner, where.identifier, {f"refs/nostr/{pull.id}": tip})


@pytest.mark.parametrize("family", sorted(PRESETS))
def test_the_family_is_recognised(family: str) -> None:
    info = PRESETS[family].info
    found = detect(RelayInfo(info.software, info.version, info.grasps, info.nips, None))
    assert found.name == {GITEA: "grasp-gitea", "ngit-grasp-3": "ngit-grasp"}.get(family, family)


@pytest.mark.parametrize(
    ("family", "identifier"), [("khatru", "my widget"), ("khatru", "grün"), (GITEA, "my widget")]
)
def test_an_identifier_that_the_family_cannot_host(
    case: Case, family: str, identifier: str
) -> None:
    case.start("full")
    case.start("other", family=family)
    case.repository(identifier, on=["full"])
    case.desired()
    done = case.reconcile("--apply")
    assert done.verdicts(case.servers["other"].url) == {"impossible"}
    assert case.servers["other"].counters.snapshot()["events_received"] == 0


@pytest.mark.parametrize("fault", ["http-504-done", "cannot-lock-ref", "ws-cut", "reset-answer"])
def test_a_push_whose_answer_is_lost_is_listed_again(case: Case, fault: str) -> None:
    case.start("full", "other")
    case.repository("widget", on=["full"])
    case.desired()
    case.servers["other"].faults.set(fault, Aim(times=1, method="POST", path="git-receive-pack"))
    done = case.reconcile("--apply")
    assert done.code == 0, done.out + done.err
    assert case.refs("other", "widget") == case.refs("full", "widget") != {}
    assert case.servers["other"].counters.snapshot()["pushes_received"] == 1
