"""The main job on the whole fleet, judged by git, by nostr-sdk and by the servers' counters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate, state
from reconciler.sandbox.demo.fleet import DemoFleet, start_fleet
from reconciler.sandbox.server import RunningServer
from tests.kit.program import ls_remote, newest, reconcile

HEALTHY = ("alpha", "beta", "gamma", "delta")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    found = start_fleet(tmp_path_factory.mktemp("fleet"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def planned(fleet: DemoFleet) -> dict[str, dict[str, int]]:
    """Plan once; what it cost the servers."""
    before = _written(fleet)
    done = reconcile(fleet.folder, "-f", fleet.desired, "--plan", "--out", fleet.folder / "p.json")
    assert done.code == 6, done.err
    assert _written(fleet) == before
    return before


@pytest.fixture(scope="module")
def applied(fleet: DemoFleet, planned: object) -> Path:
    """Apply the saved plan: the reviewed one, and nothing else."""
    done = reconcile(
        fleet.folder, "-f", fleet.desired, "--apply", fleet.folder / "p.json", "--keys", fleet.keys
    )
    assert done.code == 6, done.out + done.err
    assert done.report["exit_codes"] == [6, 7]
    assert {o["result"] for o in done.report["outcomes"]} <= {"done", "unchanged"}
    return fleet.folder / "reports" / "latest.json"


def test_every_cell_of_the_healthy_servers_holds_the_authoritative_refs(
    fleet: DemoFleet, applied: Path
) -> None:
    cells = list(_cells(fleet))
    assert len(cells) == 44
    for coordinate, name in cells:
        want = dict(state(fleet.states[coordinate]).refs)
        have = ls_remote(fleet.url(name), coordinate)
        assert {n: o for n, o in have.items() if not n.startswith("refs/nostr/")} == want


def test_pull_refs_are_on_every_server_that_alpha_shares_the_repository_with(
    fleet: DemoFleet, applied: Path
) -> None:
    counted = 0
    for coordinate, name in _cells(fleet):
        theirs = _pulls(ls_remote(fleet.url("alpha"), coordinate))
        assert _pulls(ls_remote(fleet.url(name), coordinate)) == theirs
        counted += len(theirs)
    assert counted == 33


def test_a_client_that_is_not_ours_reads_the_same_newest_events_everywhere(
    fleet: DemoFleet, applied: Path
) -> None:
    for coordinate, event in fleet.states.items():
        places = [fleet.url(n) for c, n in _cells(fleet) if c == coordinate] + [fleet.index.url]
        assert set(newest(places, kinds.STATE, coordinate).values()) == {event.id}
        assert len(set(newest(places, kinds.ANNOUNCEMENT, coordinate).values())) == 1


def test_the_conversation_is_everywhere(fleet: DemoFleet, applied: Path) -> None:
    for coordinate, name in _cells(fleet):
        ours = fleet.servers["alpha"]
        theirs = fleet.servers[name]
        assert _talk(theirs, coordinate) == _talk(ours, coordinate)


def test_a_second_apply_sends_nothing_as_the_servers_count(fleet: DemoFleet, applied: Path) -> None:
    before = _written(fleet)
    done = reconcile(fleet.folder, "-f", fleet.desired, "--apply", "--keys", fleet.keys)
    assert _written(fleet) == before
    assert done.code == 6
    counts = [done.report[name] for name in ("planned", "events_sent", "pushes_sent", "signatures")]
    assert counts == [0, 0, 0, 0]


def test_the_next_plan_leaves_only_what_it_cannot_do(fleet: DemoFleet, applied: Path) -> None:
    done = reconcile(fleet.folder, "-f", fleet.desired, "--plan", "--detailed-exitcode")
    assert done.code == 6
    assert "Nothing to do where the world is known." in done.out
    assert {hold["reason"] for hold in done.report["holds"]} == {"server-not-listed"}
    assert done.verdicts(fleet.url("epsilon")) == {"unknown"}


def _cells(fleet: DemoFleet) -> Iterator[tuple[Coordinate, str]]:
    """Cells that must converge: carol does not list delta."""
    carol = fleet.people["carol"].pubkey
    for coordinate in fleet.sources:
        for name in HEALTHY:
            if not (coordinate.owner == carol and name == "delta"):
                yield coordinate, name


def _pulls(refs: dict[str, str]) -> dict[str, str]:
    return {name: oid for name, oid in refs.items() if name.startswith("refs/nostr/")}


def _talk(server: RunningServer, coordinate: Coordinate) -> set[str]:
    """Ids of everything that names the repository, or something that names it."""
    roots = {e.id for e in server.events(Filter(tags=(("a", (str(coordinate),)),)))}
    assert roots
    replies = server.events(Filter(tags=(("e", tuple(roots)),)))
    return roots | {event.id for event in replies}


def _written(fleet: DemoFleet) -> dict[str, dict[str, int]]:
    names = ("events_received", "pushes_received")
    servers = {**fleet.servers, "index": fleet.index}
    return {
        name: {key: server.counters.snapshot()[key] for key in names}
        for name, server in servers.items()
    }
