"""Starting and stopping, several servers at once, NIP-11, and an independent client."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path

import nostr_sdk
import pytest
import requests

from reconciler.errors import NetworkFault, OurFault
from reconciler.nostr import nip11
from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import dumps
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.git import Work
from tests.kit.servers import ALICE, PARKED, hosted, publish, served

from .conftest import Starter

INFO = {"Accept": "application/nostr+json"}


def test_only_loopback_is_bound(server: RunningServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    port = int(server.url.rpartition(":")[2])
    with socket.socket() as other:
        other.connect(("127.0.0.1", port))
        assert other.getpeername()[0] == "127.0.0.1"
    with socket.socket() as taker:  # nobody holds the port on other addresses
        taker.bind(("127.0.0.2", port))


def test_taken_port_and_unknown_family(server: RunningServer, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(NetworkFault, match=str(port)):
        start(ServerSpec(name="x", directory=tmp_path / "x", port=port))
    with pytest.raises(OurFault, match="no family"):
        start(ServerSpec(name="x", directory=tmp_path / "x", family="klingon"))


def test_several_servers_know_nothing_of_each_other(starter: Starter, work: Work) -> None:
    one, two = starter("one"), starter("two", "spec")
    hosted(one, work, ALICE, "widget")
    assert len(served(one)) == 2
    assert served(two) == []
    assert publish(two, ALICE.announce(two, "widget")) == [(True, PARKED)]


@pytest.mark.parametrize("family", ["spec", "ngit-grasp"])
def test_the_server_describes_itself_as_its_family_does(starter: Starter, family: str) -> None:
    server = starter("my name", family)
    answer = requests.get(server.url, headers=INFO, timeout=5)
    assert answer.headers["Content-Type"].startswith("application/nostr+json")
    info = nip11.parse(answer.content)
    assert info.grasps == (("GRASP-01",) if family == "spec" else ("GRASP-01", "GRASP-02"))
    assert info.max_limit == (500 if family == "spec" else None)
    assert {1, 11, 34} <= set(info.nips)
    assert answer.json()["name"] == "my name"
    assert answer.json()["repo_acceptance_criteria"]
    assert info.software.endswith(("ngit-grasp", "sandbox-spec"))


def test_index_relay_claims_no_grasp(starter: Starter) -> None:
    body = requests.get(starter(grasp=False).url, headers=INFO, timeout=5).json()
    assert "supported_grasps" not in body
    assert "repo_acceptance_criteria" not in body


def test_events_shows_what_is_served(server: RunningServer, work: Work) -> None:
    hosted(server, work, ALICE, "widget")
    publish(server, ALICE.announce(server, "waiting"))
    assert {e.first("d") for e in server.events(Filter())} == {"widget"}
    assert len(server.events(Filter(limit=1))) == 1


def test_rust_nostr_publishes_and_reads_back(starter: Starter) -> None:
    """An implementation that is not ours publishes and reads back."""
    server = starter(grasp=False)
    event = nostr_sdk.EventBuilder(nostr_sdk.Kind(1), "hello from elsewhere").finalize(
        nostr_sdk.Keys.generate()
    )
    relay = nostr_sdk.RelayUrl.parse(server.relay_url)

    async def talk() -> list[str]:
        client = nostr_sdk.ClientBuilder().build()
        await client.add_relay(relay)
        await client.connect(timedelta(seconds=5))
        await client.send_event(event, ok_timeout=timedelta(seconds=5))
        target = nostr_sdk.ReqTarget.single(relay, [nostr_sdk.Filter().kind(nostr_sdk.Kind(1))])
        found = await client.fetch_events(target, timedelta(seconds=5))
        await client.shutdown()
        return [one.id().to_hex() for one in found]

    assert asyncio.run(talk()) == [event.id().to_hex()]
    (ours,) = server.events(Filter())
    assert (ours.id, ours.content) == (event.id().to_hex(), "hello from elsewhere")
    assert nostr_sdk.Event.from_json(dumps(ours.to_json())).verify()
