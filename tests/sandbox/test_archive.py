"""GRASP-05: whitelists in their three forms, read-only mode, and what NIP-11 says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from reconciler.errors import OurFault
from reconciler.nostr import kinds, nip19
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.policy.archive import Archive, whitelist
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.clock import Clock
from tests.kit.git import Work
from tests.kit.servers import ALICE, BOB, MALLORY, PARKED, Person, publish, remote_refs

NPUB = nip19.npub(ALICE.pubkey)
HERS, HIS = Coordinate(ALICE.pubkey, "widget"), Coordinate(BOB.pubkey, "widget")


@pytest.mark.parametrize(
    ("entry", "hers", "other", "his"),
    [
        (NPUB, True, True, False),
        (f"{NPUB}/widget", True, False, False),
        ("widget", True, False, True),
    ],
)
def test_a_whitelist_has_three_forms_of_entry(
    entry: str, hers: bool, other: bool, his: bool
) -> None:
    chosen = whitelist((entry,))
    assert chosen.holds(HERS) is hers
    assert chosen.holds(Coordinate(ALICE.pubkey, "other")) is other
    assert chosen.holds(HIS) is his


@pytest.mark.parametrize("entry", ["", "npub1xxx", f"{NPUB}/", "some/thing", "npub1xxx/widget"])
def test_other_entries_stop_the_start(tmp_path: Path, entry: str) -> None:
    with pytest.raises(OurFault, match="whitelist entry"):
        start(ServerSpec(name="x", directory=tmp_path, archive=Archive(whitelist=(entry,))))


def archive(folder: Path, what: Archive, family: str = "ngit-grasp") -> RunningServer:
    return start(
        ServerSpec(name="archive", directory=folder, family=family, archive=what), clock=Clock()
    )


def elsewhere(person: Person) -> Event:
    """An announcement that lists other servers."""
    return person.sign(
        kinds.ANNOUNCEMENT,
        ("d", "widget"),
        ("clone", "https://elsewhere.example/x.git"),
        ("relays", "wss://elsewhere.example"),
    )


def info(server: RunningServer) -> dict[str, object]:
    headers = {"Accept": "application/nostr+json"}
    body: dict[str, object] = requests.get(server.url, headers=headers, timeout=5).json()
    return body


def test_whitelisted_repositories_are_archived_with_their_data(tmp_path: Path, work: Work) -> None:
    server = archive(tmp_path / "a", Archive(whitelist=(f"{NPUB}/widget",)))
    try:
        answers = publish(server, elsewhere(ALICE), elsewhere(MALLORY))
        assert answers[0] == (True, PARKED)
        assert not answers[1][0]
        commit = work.commit("x")
        publish(server, ALICE.state("widget", {"refs/heads/main": commit}))
        assert work.push(server, ALICE, "widget", f"{commit}:refs/heads/main")
        assert publish(server, BOB.announce(server, "listed")) == [(True, PARKED)]
        assert info(server)["supported_grasps"] == ["GRASP-01", "GRASP-05", "GRASP-02"]
        assert info(server)["curation"] == "archive of chosen repositories"
    finally:
        server.kill()


def test_an_archive_of_everything_takes_everything(tmp_path: Path) -> None:
    server = archive(tmp_path / "a", Archive(everything=True))
    try:
        assert publish(server, elsewhere(ALICE), elsewhere(MALLORY)) == [(True, PARKED)] * 2
        assert info(server)["curation"] == "archive of everything"
    finally:
        server.kill()


def test_read_only_refuses_listed_ones_and_in_spec_pushes(tmp_path: Path, work: Work) -> None:
    server = archive(tmp_path / "a", Archive(whitelist=(NPUB,), read_only=True), "spec")
    try:
        ((accepted, message),) = publish(server, BOB.announce(server, "widget"))
        assert (accepted, message.partition(":")[0]) == (False, "Archive read-only mode")
        assert publish(server, elsewhere(ALICE)) == [(True, PARKED)]
        commit = work.commit("x")
        publish(server, ALICE.state("widget", {"refs/heads/main": commit}))
        assert not work.push(server, ALICE, "widget", f"{commit}:refs/heads/main")
        assert remote_refs(server, ALICE, "widget") == {}
    finally:
        server.kill()


def test_operators_lists_come_first(tmp_path: Path) -> None:
    lists = Archive(
        repositories=("widget",),
        blocked_authors=(nip19.npub(MALLORY.pubkey),),
        blocked_repositories=(f"{nip19.npub(BOB.pubkey)}/widget",),
    )
    server = archive(tmp_path / "a", lists)
    try:
        asked = (
            ALICE.announce(server, "widget"),
            ALICE.announce(server, "other"),
            BOB.announce(server, "widget"),
            MALLORY.announce(server, "widget"),
        )
        assert [message for _, message in publish(server, *asked)] == [
            PARKED,
            "Repository is not in the whitelist",
            "Repository is blacklisted",
            "Author is blacklisted",
        ]
        assert info(server)["supported_grasps"] == ["GRASP-01", "GRASP-02"]
    finally:
        server.kill()
