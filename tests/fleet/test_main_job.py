"""The main job on the whole scene, judged by git, by nostr-sdk and by the servers' counters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate, state
from reconciler.sandbox.demo.fleet import Scene, raise_curtain
from reconciler.sandbox.server import RunningServer

from .kit import ls_remote, newest, reconcile

HEALTHY = ("alpha", "beta", "gamma", "delta")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    found = raise_curtain(tmp_path_factory.mktemp("scene"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def planned(scene: Scene) -> dict[str, dict[str, int]]:
    """Plan once; what it cost the servers."""
    before = _written(scene)
    done = reconcile(scene.folder, "-f", scene.desired, "--plan", "--out", scene.folder / "p.json")
    assert done.code == 6, done.err
    assert _written(scene) == before
    return before


@pytest.fixture(scope="module")
def applied(scene: Scene, planned: object) -> Path:
    """Apply the saved plan: the reviewed one, and nothing else."""
    done = reconcile(
        scene.folder, "-f", scene.desired, "--apply", scene.folder / "p.json", "--keys", scene.keys
    )
    assert done.code == 6, done.out + done.err
    assert done.report["exit_codes"] == [6, 7]
    assert {o["result"] for o in done.report["outcomes"]} <= {"done", "unchanged"}
    return scene.folder / "reports" / "latest.json"


def test_every_cell_of_the_healthy_servers_holds_the_authoritative_refs(
    scene: Scene, applied: Path
) -> None:
    cells = list(_cells(scene))
    assert len(cells) == 44
    for coordinate, name in cells:
        want = dict(state(scene.states[coordinate]).refs)
        have = ls_remote(scene.url(name), coordinate)
        assert {n: o for n, o in have.items() if not n.startswith("refs/nostr/")} == want


def test_pull_refs_are_on_every_server_that_alpha_shares_the_repository_with(
    scene: Scene, applied: Path
) -> None:
    counted = 0
    for coordinate, name in _cells(scene):
        theirs = _pulls(ls_remote(scene.url("alpha"), coordinate))
        assert _pulls(ls_remote(scene.url(name), coordinate)) == theirs
        counted += len(theirs)
    assert counted == 33


def test_a_client_that_is_not_ours_reads_the_same_newest_events_everywhere(
    scene: Scene, applied: Path
) -> None:
    for coordinate, event in scene.states.items():
        places = [scene.url(n) for c, n in _cells(scene) if c == coordinate] + [scene.index.url]
        assert set(newest(places, kinds.STATE, coordinate).values()) == {event.id}
        assert len(set(newest(places, kinds.ANNOUNCEMENT, coordinate).values())) == 1


def test_the_conversation_is_everywhere(scene: Scene, applied: Path) -> None:
    for coordinate, name in _cells(scene):
        ours = scene.servers["alpha"]
        theirs = scene.servers[name]
        assert _talk(theirs, coordinate) == _talk(ours, coordinate)


def test_a_second_apply_sends_nothing_as_the_servers_count(scene: Scene, applied: Path) -> None:
    before = _written(scene)
    done = reconcile(scene.folder, "-f", scene.desired, "--apply", "--keys", scene.keys)
    assert _written(scene) == before
    assert done.code == 6
    counts = [done.report[name] for name in ("planned", "events_sent", "pushes_sent", "signatures")]
    assert counts == [0, 0, 0, 0]


def test_the_next_plan_leaves_only_what_it_cannot_do(scene: Scene, applied: Path) -> None:
    done = reconcile(scene.folder, "-f", scene.desired, "--plan", "--detailed-exitcode")
    assert done.code == 6
    assert "Nothing to do where the world is known." in done.out
    assert {hold["reason"] for hold in done.report["holds"]} == {"server-not-listed"}
    assert done.verdicts(scene.down) == {"unknown"}


def _cells(scene: Scene) -> Iterator[tuple[Coordinate, str]]:
    """Cells that must converge: carol does not list delta."""
    carol = scene.people["carol"].pubkey
    for coordinate in scene.sources:
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


def _written(scene: Scene) -> dict[str, dict[str, int]]:
    names = ("events_received", "pushes_received")
    servers = {**scene.servers, "index": scene.index}
    return {
        name: {key: server.counters.snapshot()[key] for key in names}
        for name, server in servers.items()
    }
