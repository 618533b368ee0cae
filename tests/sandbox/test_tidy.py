"""Housekeeping goes on, whatever it meets."""

from __future__ import annotations

import shutil

import requests

from reconciler.nostr import urls
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.faults import Aim
from reconciler.sandbox.waiting.agenda import Agenda, Task
from tests.kit.clock import Clock
from tests.kit.git import Work, git
from tests.kit.patience import eventually
from tests.kit.servers import ALICE, publish

from .conftest import Starter

MAIN = "refs/heads/main"


def test_a_damaged_repository_harms_nobody_else(starter: Starter, work: Work, clock: Clock) -> None:
    server = starter(family="gitea")
    commit = work.commit("x")
    names = ("damaged", "sound")
    states = [ALICE.state(name, {MAIN: commit}) for name in names]
    publish(server, *(ALICE.announce(server, name) for name in names), *states)
    for name in names:
        assert work.push(server, ALICE, name, f"{commit}:{MAIN}")
    shutil.rmtree(server.repo_path(ALICE.pubkey, "damaged") / "objects")
    clock.advance(31)  # both are due now

    eventually(lambda: server.events(Filter(ids=(states[1].id,))))
    assert not server.events(Filter(ids=(states[0].id,)))
    assert commit in git("ls-remote", urls.clone(server.url, ALICE.pubkey, "sound"))

    server.faults.set("refuse", Aim(seconds=50))  # housekeeping lifts it
    clock.advance(60)
    eventually(lambda: _answers(server.url))


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_an_errand_is_overdue_until_it_is_done(clock: Clock) -> None:
    """Or a visitor who comes while a repository is being made would see 404."""
    agenda = Agenda(clock)
    agenda.add(Task.CREATE, Coordinate(ALICE.pubkey, "widget"), 5.0)
    assert agenda.overdue() == frozenset()
    clock.advance(6)
    (errand,) = agenda.due("widget")
    assert agenda.due("other") == ()
    assert agenda.overdue() == {"widget"}
    agenda.done(errand)
    agenda.done(errand)
    assert agenda.overdue() == frozenset()
    assert agenda.due("widget") == agenda.all() == ()
