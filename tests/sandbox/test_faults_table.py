"""Every fault there is, fired once: a client sees it bite, sees nothing like it before, and it is
over afterwards. A fault without a row in `SHOWS` fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from types import MappingProxyType

import pytest

from reconciler.nostr import kinds, urls
from reconciler.nostr.filters import Filter
from reconciler.sandbox.faults import FAULTS, Aim, Stage
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work, git
from tests.kit.patience import eventually, never
from tests.kit.servers import (
    ALICE,
    NOW,
    Fleet,
    announce,
    has,
    hosted,
    publish,
    put,
    remote_refs,
    served,
)

from .test_faults_each import curl, listing, status

MAIN = "refs/heads/main"


@dataclass
class Bench:
    """A server that hosts a repository, and who works on it."""

    server: RunningServer
    peer: RunningServer
    work: Work
    url: str
    clock: Clock
    later: count[int] = field(default_factory=lambda: count(1))

    def next_commit(self, *branches: str) -> str:
        """One that a state allows to be pushed to these branches."""
        number = next(self.later)
        commit = self.work.commit(f"number {number}", self.refs()["HEAD"])
        refs = dict.fromkeys(branches or (MAIN,), commit)
        publish(self.server, ALICE.state("widget", refs, at=NOW + number))
        return commit

    def refs(self) -> dict[str, str]:
        return remote_refs(self.server, ALICE, "widget")


@pytest.fixture
def bench(fleet: Fleet, work: Work) -> Bench:
    server = fleet.start("one", sync=True, family="ngit-grasp")
    hosted(server, work, ALICE, "widget")
    url = urls.clone(server.url, ALICE.pubkey, "widget")
    return Bench(server, fleet.start("peer"), work, url, fleet.clock)


Arm = Callable[[], None]
Show = Callable[[Bench, Arm], None]
"""Arms the fault when everything is ready, and asserts that a client meets it."""


def refuse(bench: Bench, arm: Arm) -> None:
    arm()
    assert curl(bench.server.url).returncode == 7
    assert "Couldn't connect to server" in git("ls-remote", bench.url, check=False)


def reset_connect(bench: Bench, arm: Arm) -> None:
    arm()
    # the reset may come while curl connects, before it has sent, or while it receives
    assert curl(listing(bench.url)).returncode in (7, 52, 55, 56)


def reset_request(bench: Bench, arm: Arm) -> None:
    arm()
    assert "reset by peer" in curl("-d", "x" * 100, f"{bench.url}/git-upload-pack").stderr


def reset_answer(bench: Bench, arm: Arm) -> None:
    arm()
    done = curl(listing(bench.url))
    assert done.stdout.startswith("001e# service=git-upload-pack")
    assert "reset by peer" in done.stderr


def hang(bench: Bench, arm: Arm) -> None:
    arm()
    assert curl("-m", "0.3", f"{bench.server.url}/").returncode == 28


def slow(bench: Bench, arm: Arm) -> None:
    arm()
    form = "%{time_starttransfer} %{time_total}"
    times = curl("-o", "/dev/null", "-w", form, listing(bench.url)).stdout
    first, last = map(float, times.split())
    assert last - first > 0.2


def ws_cut(bench: Bench, arm: Arm) -> None:
    arm()
    assert curl(listing(bench.url)).returncode == 18  # a part of the file


def truncate(bench: Bench, arm: Arm) -> None:
    arm()
    done = curl(listing(bench.url))
    assert done.returncode == 0
    assert not done.stdout.endswith("0000")


def duplicate(bench: Bench, arm: Arm) -> None:
    arm()
    body = curl(listing(bench.url)).stdout
    assert body[: len(body) // 2] * 2 == body


def wrong_type(bench: Bench, arm: Arm) -> None:
    arm()
    assert "text/html" in curl("-D", "-", "-o", "/dev/null", listing(bench.url)).stdout


def answers(number: int, *, later: bool = False) -> Show:
    def show(bench: Bench, arm: Arm) -> None:
        arm()
        head = curl("-D", "-", "-o", "/dev/null", listing(bench.url)).stdout
        assert head.startswith(f"HTTP/1.1 {number} ")
        assert ("Retry-After: 7\n" in head) is later

    return show


def done_all_the_same(text: str) -> Show:
    def show(bench: Bench, arm: Arm) -> None:
        commit = bench.next_commit()
        arm()
        done = bench.work.git("push", bench.url, f"{commit}:{MAIN}", check=False)
        assert not done.startswith("0\n")
        assert text in done
        assert bench.refs()[MAIN] == commit

    return show


def lost_git(bench: Bench, arm: Arm) -> None:
    arm()
    assert status(listing(bench.url)) == "404"
    assert len(served(bench.server)) == 2


def lost_database(bench: Bench, arm: Arm) -> None:
    arm()
    assert served(bench.server) == []
    assert bench.refs()


def lost_purgatory(bench: Bench, arm: Arm) -> None:
    commit = bench.next_commit()
    arm()
    assert not bench.work.push(bench.server, ALICE, "widget", f"{commit}:{MAIN}")


def hidden_state(bench: Bench, arm: Arm) -> None:
    arm()
    assert served(bench.server, kinds=[kinds.STATE]) == []


def cap(bench: Bench, arm: Arm) -> None:
    arm()
    assert len(served(bench.server)) == 1


def capped_refs(bench: Bench, arm: Arm) -> None:
    commit = bench.next_commit(MAIN, "refs/heads/more")
    specs = (f"{commit}:{MAIN}", f"{commit}:refs/heads/more")
    assert bench.work.push(bench.server, ALICE, "widget", *specs)
    arm()
    assert bench.refs() == {"HEAD": commit, MAIN: commit}


def lying_ok(bench: Bench, arm: Arm) -> None:
    event = ALICE.announce(bench.server, "widget", at=NOW + next(bench.later))
    arm()
    assert publish(bench.server, event) == [(True, "")]
    assert not bench.server.events(Filter(ids=(event.id,)))


def flood(bench: Bench, arm: Arm) -> None:
    arm()
    assert len(served(bench.server, kinds=[kinds.STATE])) == 31


def fetches(kind: int) -> Show:
    """The server, given an announcement, reads an event of this kind from another one."""

    def show(bench: Bench, arm: Arm) -> None:
        name, commit = f"gadget-{next(bench.later)}", bench.work.commit("gadget")
        announced = announce(ALICE, name, bench.server, bench.peer)
        state = ALICE.state(name, {MAIN: commit})
        issue = ALICE.sign(kinds.ISSUE, ("a", f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:{name}"))
        put(bench.peer, announced, state)
        assert bench.work.push(bench.peer, ALICE, name, f"{commit}:{MAIN}")
        put(bench.peer, issue)
        arm()
        put(bench.server, announced)
        if kind == kinds.ISSUE:
            eventually(lambda: has(bench.server, state))
            bench.clock.advance(5)  # the conversation is asked for in batches
        never(lambda: has(bench.server, state if kind == kinds.STATE else issue), 2.0)

    return show


SHOWS: Mapping[str, Show] = MappingProxyType(
    {
        "refuse": refuse,
        "reset-connect": reset_connect,
        "reset-request": reset_request,
        "reset-answer": reset_answer,
        "hang": hang,
        "slow": slow,
        "ws-cut": ws_cut,
        "truncate": truncate,
        "duplicate": duplicate,
        "wrong-type": wrong_type,
        "http-403": answers(403),
        "http-404": answers(404),
        "http-413": answers(413),
        "http-429": answers(429),
        "http-500": answers(500),
        "http-502": answers(502),
        "http-429-later": answers(429, later=True),
        "http-504-done": done_all_the_same("504"),
        "cannot-lock-ref": done_all_the_same("cannot lock ref"),
        "lost-git": lost_git,
        "lost-database": lost_database,
        "lost-purgatory": lost_purgatory,
        "hidden-state": hidden_state,
        "cap": cap,
        "capped-refs": capped_refs,
        "lying-ok": lying_ok,
        "flood": flood,
        "no-sync": fetches(kinds.STATE),
        "partial-sync": fetches(kinds.ISSUE),
    }
)
AIMS: Mapping[str, Aim] = MappingProxyType(
    {
        "slow": Aim(value=8),
        "cap": Aim(value=1),
        "flood": Aim(value=30),
        "partial-sync": Aim(value=0, message=f"EVENT {kinds.ISSUE} "),
        "http-504-done": Aim(method="POST", path="git-receive-pack"),
    }
)


@pytest.mark.parametrize("name", FAULTS)
def test_it_bites_once_and_only_when_armed(bench: Bench, name: str) -> None:
    show, faults = SHOWS[name], bench.server.faults
    with pytest.raises(AssertionError):
        show(bench, lambda: None)
    lasts = Stage.SET in FAULTS[name].stages
    aim = replace(AIMS.get(name, Aim()), times=None if lasts else 1)
    show(bench, lambda: faults.set(name, aim))
    assert faults.active.name == (name if lasts else "")
    faults.clear()
    assert status(bench.server.url) == "200"


def test_no_row_is_left_over() -> None:
    assert SHOWS.keys() == FAULTS.keys()
    assert AIMS.keys() <= FAULTS.keys()
