"""Each fault as git, requests, curl and a relay client see it; counters and control."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress

import pytest
import requests
import websocket

from reconciler.errors import OurFault
from reconciler.git import pktline
from reconciler.nostr import urls
from reconciler.sandbox.faults import FAULTS, Aim
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work, git
from tests.kit.patience import eventually
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, NOW, hosted, publish, remote_refs, served


@pytest.fixture
def url(server: RunningServer, work: Work) -> str:
    hosted(server, work, ALICE, "widget")
    return urls.clone(server.url, ALICE.pubkey, "widget")


def test_down_and_up_again(server: RunningServer, url: str) -> None:
    server.stop()
    server.stop()
    assert not git("ls-remote", url, check=False).startswith("0\n")
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)
    with pytest.raises(ConnectionRefusedError):
        websocket.create_connection(server.relay_url, timeout=5)


def test_a_server_that_hangs_answers_nobody(server: RunningServer, url: str) -> None:
    relay = Relay(server.relay_url)
    server.faults.set("hang")
    for address in (server.url, f"{url}/info/refs?service=git-upload-pack"):
        with pytest.raises(requests.ReadTimeout):
            requests.get(address, timeout=0.3)
    with pytest.raises(websocket.WebSocketTimeoutException):
        websocket.create_connection(server.relay_url, timeout=0.3)
    curl = ["curl", "-sS", "-m", "0.3", server.url]
    assert subprocess.run(curl, capture_output=True, check=False).returncode == 28
    relay.socket.settimeout(0.3)
    relay.send("REQ", "x", {})
    with pytest.raises(websocket.WebSocketTimeoutException):
        relay.receive()
    server.faults.clear()
    relay.socket.settimeout(5)
    assert relay.receive()[0] == "EVENT"  # an open connection gets its answer late
    assert len(served(server)) == 2


def test_a_server_that_hangs_can_be_stopped(server: RunningServer, url: str) -> None:
    server.faults.set("hang")
    asking = threading.Thread(target=lambda: git("ls-remote", url, check=False))
    asking.start()
    time.sleep(0.2)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 5
    asking.join(5)
    assert not asking.is_alive()


def test_a_server_in_trouble_answers_500_to_all(server: RunningServer, url: str) -> None:
    server.faults.set("http-500")
    assert requests.get(server.url, timeout=5).status_code == 500
    assert "500" in git("ls-remote", url, check=False)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(server.relay_url, timeout=5)
    assert caught.value.status_code == 500
    server.faults.clear()
    assert len(served(server)) == 2


def test_a_cut_connection_was_never_handled(server: RunningServer, work: Work, url: str) -> None:
    server.faults.set("ws-cut")
    note = ALICE.state("widget", {}, at=NOW + 1)
    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        publish(server, note)
    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        served(server)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        requests.get(f"{url}/info/refs?service=git-upload-pack", timeout=5)
    assert not git("ls-remote", url, check=False).startswith("0\n")
    server.faults.clear()
    assert publish(server, note) == [(True, "")]  # the cut one was never handled
    assert remote_refs(server, ALICE, "widget") == {}


def test_a_pack_is_cut_in_its_middle(server: RunningServer, url: str) -> None:
    commit = remote_refs(server, ALICE, "widget")["HEAD"]
    body = pktline.encode_all([f"want {commit}\n".encode(), pktline.FLUSH, b"done\n"])
    whole = requests.post(f"{url}/git-upload-pack", data=body, timeout=5)
    assert b"PACK" in whole.content
    server.faults.set("ws-cut")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        requests.post(f"{url}/git-upload-pack", data=body, timeout=5)


def test_counters_prove_that_nothing_was_written(server: RunningServer, url: str) -> None:
    before = requests.get(f"{server.url}/_sandbox/counters", timeout=5).json()
    assert before == server.counters.snapshot()
    assert before["events_stored"] == before["events_accepted"] == 2
    git("ls-remote", url)
    with Relay(server.relay_url) as relay:
        relay.query({})
    after = server.counters.snapshot()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"info_refs", "fetches", "reqs", "connections"}


def test_control_from_another_process(server: RunningServer) -> None:
    control = f"{server.url}/_sandbox"
    assert requests.post(f"{control}/faults/none-such", timeout=5).status_code == 404
    assert requests.post(f"{control}/faults/http-500", timeout=5).status_code == 204
    assert requests.get(server.url, timeout=5).status_code == 500
    assert requests.get(f"{control}/counters", timeout=5).status_code == 200
    assert requests.get(f"{control}/faults", timeout=5).json() == "http-500"
    assert requests.delete(f"{control}/faults", timeout=5).status_code == 204
    assert requests.get(server.url, timeout=5).status_code == 200
    page = {"Origin": "https://evil.example"}
    answer = requests.post(f"{control}/faults/hang", headers=page, timeout=5)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "fault",
    [
        "refuse",
        "refuse?times=1",
        "refuse?seconds=inf",
        "refuse?seconds=nan",
        "reset-connect",
        "reset-connect?times=-1",
    ],
)
def test_nobody_is_locked_out_for_ever(server: RunningServer, fault: str) -> None:
    control = f"{server.url}/_sandbox/faults"
    assert requests.post(f"{control}/{fault}", timeout=5).status_code == 400
    assert requests.get(control, timeout=5).json() == ""


def test_refuse_beside_another_fault(server: RunningServer, clock: Clock) -> None:
    server.faults.set("slow")
    server.faults.add("refuse", Aim(seconds=50))
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)
    clock.advance(60)
    eventually(lambda: _answers(server))
    assert server.faults.active.name == "slow"


def _answers(server: RunningServer) -> bool:
    with suppress(requests.ConnectionError):
        requests.get(server.url, timeout=5)
        return True
    return False


def test_unknown_fault_is_our_fault(server: RunningServer) -> None:
    with pytest.raises(OurFault, match="no fault"):
        server.faults.set("gremlins")
    for name in FAULTS:
        server.faults.set(name)
        assert server.faults.active.name == name
