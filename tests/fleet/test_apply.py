"""Apply in a world that moved after the plan: nothing is overwritten, other cells go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.apply import apply, confirm
from reconciler.desired import parse
from reconciler.edge.files import locked
from reconciler.edge.fleet import Fleet
from reconciler.facts.selection import Selection, select
from reconciler.model.actions import Publish, Push, Sign, Wave
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import HoldReason, Plan
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import announcement, with_servers
from reconciler.observe import observe
from reconciler.plan import plan
from reconciler.sandbox.demo import history
from reconciler.sign.keyfile import KeyFileSigner, read_keys
from tests.kit.git import backend
from tests.kit.program import DAY, Case


@dataclass
class Quiet:
    """A watcher that says nothing; stops when told to."""

    stop: bool = False
    stages: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        assert total >= 0
        self.stages.append(name)

    def step(self, text: str) -> None:
        assert text

    def stopped(self) -> bool:
        return self.stop


@dataclass(frozen=True)
class Bench:
    """The stages of one fleet, to be called one by one."""

    desired: Desired
    selection: Selection
    world: Fleet
    watcher: Quiet

    def look(self) -> tuple[Observed, Plan]:
        seen = observe(self.desired, self.world, self.watcher, self.selection, forks=4)
        return seen, plan(self.desired, seen, self.selection)


@contextmanager
def bench(case: Case, *, signer: bool = False, more: str = "") -> Iterator[Bench]:
    file = case.desired(more, signer=signer)
    desired = parse(file.read_text(), place=file.name)
    state = case.folder / "state"
    with locked(state), Fleet(desired, state) as world:
        world.repair()
        yield Bench(desired, select(desired), world, Quiet())


def results(outcomes: tuple[Outcome, ...], kind: str) -> list[Result]:
    return [o.result for o in outcomes if o.key.startswith(kind)]


def test_a_ref_that_moved_is_stale_and_stays_as_it_is(case: Case) -> None:
    case.start("one", family="spec")
    case.start("two", "three", family="spec")
    case.repository("widget", on=["one", "two", "three"])
    history.extend(case.sources["widget"], 1)
    case.host("widget", None, ["one"], at=case.now - 3 * DAY)
    with bench(case) as stages:
        seen, found = stages.look()
        history.extend(case.sources["widget"], 2)
        case.host("widget", None, ["two"], at=case.now - 2 * DAY)
        moved = case.refs("two", "widget")
        done = apply(found, seen, stages.world, None, stages.watcher, forks=4)
    by_server = {o.server: o for o in done if o.key.startswith("push:")}
    stale = by_server[case.servers["two"].url]
    assert stale.result is Result.STALE
    assert "expected" in stale.detail
    assert case.refs("two", "widget") == moved
    assert case.refs("three", "widget") == case.refs("one", "widget")


def test_an_announcement_that_was_renewed_meanwhile_is_not_signed_over(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one"])
    with bench(case, signer=True) as stages:
        seen, found = stages.look()
        (sign,) = [a for a in found.actions if isinstance(a, Sign)]
        old = announcement(next(e for e in seen.events if e.id == sign.before))
        newer = with_servers(old, (), at=case.now)
        event = case.owner.sign(newer.kind, newer.tags, at=case.now, content="edited by hand")
        history.send(case.servers["one"].url, [event])
        signer = KeyFileSigner(read_keys(case.folder / "keys"))
        done = apply(found, seen, stages.world, signer, stages.watcher, forks=4)
    assert results(done, "sign:") == [Result.STALE]
    assert set(results(done, "publish:")) == {Result.SKIPPED}
    assert case.servers["two"].counters.snapshot()["events_received"] == 0


def test_a_state_that_was_renewed_meanwhile_is_not_signed_over(case: Case, tmp_path: Path) -> None:
    case.start("one", "two", family="spec")
    case.repository("widget", on=["one", "two"])
    with backend(tmp_path / "sources") as url, bench(case, signer=True, more=source(url)) as stages:
        theirs = Path(shutil.copytree(case.sources["widget"], tmp_path / "theirs.git"))
        history.extend(case.sources["widget"], 1)
        seen, found = stages.look()
        assert [sign.draft.kind for sign in found.signs] == [kinds.STATE]
        case.sources["widget"] = theirs
        history.extend(theirs, 2)
        newer = case.host("widget", None, ["one"], at=case.now - DAY)
        moved = case.refs("one", "widget")
        signer = KeyFileSigner(read_keys(case.folder / "keys"))
        done = apply(found, seen, stages.world, signer, stages.watcher, forks=4)
        assert results(done, "sign:") == [Result.STALE]
        assert newer.id[:12] in done[0].detail
        assert set(results(done, "publish:")) | set(results(done, "push:")) == {Result.SKIPPED}
        assert case.refs("one", "widget") == moved
        assert stages.world.unserved() == ()
        _, again = stages.look()
        assert [hold.reason for hold in again.holds] == [HoldReason.SOURCE_DIVERGED]
        assert not again.signs


def source(url: str) -> str:
    """The rule by which states come from the first of a case's sources."""
    return f"repositories: {{alice/widget: {{source: {url}/0.git, states: adopt}}}}\n"


def test_after_a_stop_nothing_is_begun(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    with bench(case) as stages:
        seen, found = stages.look()
        stages.watcher.stop = True
        done = apply(found, seen, stages.world, None, stages.watcher, forks=4)
    assert {o.result for o in done} == {Result.SKIPPED}
    assert case.servers["two"].counters.snapshot()["events_received"] == 0


def test_what_the_guard_keeps_back_is_held_with_all_that_follows(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    with bench(case) as stages:
        seen, found = stages.look()
        kept = frozenset(
            a.key for a in found.actions if isinstance(a, Publish) and a.wave == Wave.STATE
        )
        done = apply(found, seen, stages.world, None, stages.watcher, withheld=kept, forks=4)
    assert results(done, "push:") == [Result.SKIPPED]
    assert Result.HELD in results(done, "publish:")


@pytest.mark.parametrize("family", ["spec", "ngit-grasp"])
def test_done_means_that_a_later_plan_no_longer_wants_it(case: Case, family: str) -> None:
    case.start("one", "two", family=family)
    case.repository("widget", on=["one"])
    with bench(case) as stages:
        seen, found = stages.look()
        done = apply(found, seen, stages.world, None, stages.watcher, forks=4)
        assert {o.result for o in done} == {Result.SETTLING}
        assert confirm(done, found, found, seen, last=False) == done
        left, remaining = stages.look()
    assert remaining.actions == ()
    assert {o.result for o in confirm(done, found, remaining, left, last=True)} == {Result.DONE}
    assert [a for a in found.actions if isinstance(a, Push)]
