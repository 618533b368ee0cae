"""What waits, across a clean stop and across SIGKILL, in a process of its own."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.patience import eventually
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, NOW, publish

from .conftest import Starter
from .test_metrics import figures

MAIN = "refs/heads/main"


@dataclass(frozen=True)
class Child:
    """A server as a person starts it."""

    process: subprocess.Popen[str]
    url: str
    relay_url: str


@contextmanager
def serving(family: str, folder: Path, port: str = "0") -> Iterator[Child]:
    """`sandbox serve`, and SIGKILL at the end."""
    words = [sys.executable, "-m", "reconciler", "sandbox", "serve", family]
    process = subprocess.Popen(
        [*words, "--dir", str(folder), "--port", port], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process, process.stdout as output:
        url, relay_url = output.readline().split()
        try:
            yield Child(process, url, relay_url)
        finally:
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL


def announced(url: str, relay_url: str, identifier: str) -> Event:
    clone = urls.clone(url, ALICE.pubkey, identifier)
    return ALICE.sign(
        kinds.ANNOUNCEMENT, ("d", identifier), ("clone", clone), ("relays", relay_url)
    )


@pytest.mark.parametrize(("family", "outlives"), [("gitea", True), ("ngit-grasp", False)])
def test_what_waits_outlives_a_kill_where_the_family_keeps_it(
    family: str, outlives: bool, work: Work, tmp_path: Path
) -> None:
    commit = work.commit("x")
    with serving(family, tmp_path / "files") as first, Relay(first.relay_url) as relay:
        assert relay.publish(announced(first.url, first.relay_url, "widget"))[0]
        assert relay.publish(ALICE.state("widget", {MAIN: commit}))[0]
    port = first.url.rpartition(":")[2]
    with serving(family, tmp_path / "files", port) as second:
        target = urls.clone(second.url, ALICE.pubkey, "widget")
        done = work.git("push", target, f"{commit}:{MAIN}", check=False)
        assert done.startswith("0\n") is outlives, done


@pytest.mark.parametrize("clean", [True, False])
def test_what_gitea_serves_later_outlives_a_stop(
    starter: Starter, work: Work, clock: Clock, clean: bool
) -> None:
    server = starter(family="gitea")
    commit = work.commit("x")
    state = ALICE.state("widget", {MAIN: commit})
    publish(server, ALICE.announce(server, "widget"), state)
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")
    (server.stop if clean else server.kill)()
    again = starter(family="gitea")
    assert not has(again, state)  # not yet
    clock.advance(31)
    eventually(lambda: has(again, state))


def test_what_gitea_served_or_lost_does_not_come_back(
    starter: Starter, work: Work, clock: Clock
) -> None:
    server = starter(family="gitea")
    commit = work.commit("x")
    state = ALICE.state("widget", {MAIN: commit})
    publish(server, ALICE.announce(server, "widget"), state)
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")
    clock.advance(31)
    eventually(lambda: has(server, state))
    server.kill()
    again = starter(family="gitea")
    assert waiting_states(again) == 0
    publish(again, ALICE.state("widget", {}, at=NOW + 1), ALICE.state("widget", {MAIN: "1" * 40}))
    assert waiting_states(again) == 1
    again.faults.set("lost-purgatory")
    again.kill()
    assert waiting_states(starter(family="gitea")) == 0


def waiting_states(server: RunningServer) -> float:
    return figures(server)["ngit_purgatory_entries", ("state",)]


def test_a_damaged_journal_counts_as_none(starter: Starter, work: Work) -> None:
    server = starter(family="gitea")
    commit = work.commit("x")
    announcement = ALICE.announce(server, "widget")
    publish(server, announcement, ALICE.state("widget", {MAIN: commit}))
    server.kill()
    (server.spec.directory / "purgatory.sqlite").write_bytes(b"no database" * 1000)
    again = starter(family="gitea")
    assert has(again, announcement)
    assert not work.push(again, ALICE, "widget", f"{commit}:{MAIN}")
    assert publish(again, ALICE.state("widget", {MAIN: commit}))[0][0]
    assert work.push(again, ALICE, "widget", f"{commit}:{MAIN}")


@pytest.mark.parametrize("damage", ["{", "{}", '{"event":{},"expires":1}'])
def test_a_damaged_entry_of_the_journal_costs_only_itself(starter: Starter, damage: str) -> None:
    server = starter(family="gitea")
    publish(server, ALICE.announce(server, "widget"))
    states = [ALICE.state("widget", {MAIN: n * 40}, at=NOW + int(n)) for n in "12"]
    publish(server, *states)
    server.kill()
    with closing(sqlite3.connect(server.spec.directory / "purgatory.sqlite")) as db, db:
        db.execute("UPDATE kept SET entry = ? WHERE key = ?", (damage, states[0].id))
    assert waiting_states(starter(family="gitea")) == 1


def test_ngit_relay_makes_a_repository_after_a_restart(starter: Starter, clock: Clock) -> None:
    server = starter(family="ngit-relay")
    publish(server, ALICE.announce(server, "widget"))
    path = server.repo_path(ALICE.pubkey, "widget")
    server.stop()
    assert not path.exists()
    starter(family="ngit-relay")
    clock.advance(1)
    eventually(path.exists)


def has(server: RunningServer, event: Event) -> bool:
    return bool(server.events(Filter(ids=(event.id,))))
