"""What faults do besides what `test_faults_table` shows of each: to git, to relays, aimed."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
import requests
import websocket
from click.testing import CliRunner, Result

from reconciler.cli.main import main
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import verify
from reconciler.nostr.filters import Filter
from reconciler.sandbox.faults import Aim
from reconciler.sandbox.server import RunningServer
from tests.kit.clock import Clock
from tests.kit.git import Work, git
from tests.kit.patience import eventually
from tests.kit.relay import Relay
from tests.kit.servers import ALICE, NOW, hosted, publish, remote_refs, served

ONCE = Aim(times=1)
MAIN = "refs/heads/main"
LOST = (websocket.WebSocketException, ConnectionError)


@pytest.fixture
def url(server: RunningServer, work: Work) -> str:
    hosted(server, work, ALICE, "widget")
    return urls.clone(server.url, ALICE.pubkey, "widget")


def curl(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "-sS", "-m", "5", *args], capture_output=True, text=True, check=False
    )


def status(url: str) -> str:
    return curl("-o", "/dev/null", "-w", "%{http_code}", url).stdout


def listing(url: str) -> str:
    return f"{url}/info/refs?service=git-upload-pack"


def test_refused_and_open_again(server: RunningServer, url: str) -> None:
    server.faults.set("refuse")
    assert curl(server.url).returncode == 7
    assert "Couldn't connect to server" in git("ls-remote", url, check=False)
    with pytest.raises(ConnectionRefusedError):
        websocket.create_connection(server.relay_url, timeout=5)
    server.faults.clear()
    assert remote_refs(server, ALICE, "widget")
    assert len(served(server)) == 2


def test_refused_for_a_while(server: RunningServer, clock: Clock) -> None:
    server.faults.set("refuse", Aim(seconds=50))
    assert curl(server.url).returncode == 7
    clock.advance(60)
    eventually(lambda: curl(server.url).returncode == 0)


def test_reset_while_the_request_is_read(server: RunningServer, url: str) -> None:
    server.faults.set("reset-request", ONCE)
    done = curl("-d", "x" * 100, f"{url}/git-upload-pack")
    assert "reset by peer" in done.stderr
    server.faults.set("reset-request", ONCE)
    with pytest.raises(LOST):
        served(server)


def test_reset_in_the_answer(server: RunningServer, url: str) -> None:
    server.faults.set("reset-answer", ONCE)
    done = curl(listing(url))
    assert done.stdout.startswith("001e# service=git-upload-pack")
    assert "reset by peer" in done.stderr
    server.faults.set("reset-answer", Aim(times=1, message="EVENT"))
    newer = ALICE.announce(server, "widget", at=NOW + 1)
    with pytest.raises((*LOST, ValueError)):
        publish(server, newer)
    assert newer.id in served(server)  # the work was done


def test_truncated_in_a_whole_frame(server: RunningServer, url: str) -> None:
    server.faults.set("truncate", ONCE)
    done = curl(listing(url))
    assert done.returncode == 0
    assert not done.stdout.endswith("0000")
    server.faults.set("truncate")
    assert not git("ls-remote", url, check=False).startswith("0\n")
    with Relay(server.relay_url) as relay, pytest.raises(ValueError):
        relay.query({})


def test_a_server_that_repeats_itself_says_everything_twice(
    server: RunningServer, url: str
) -> None:
    server.faults.set("duplicate", ONCE)
    body = curl(listing(url)).stdout
    assert body[: len(body) // 2] * 2 == body
    server.faults.set("duplicate", ONCE)
    with Relay(server.relay_url) as relay:
        relay.send("REQ", "q", {"kinds": [kinds.STATE]})
        first, second, third = (relay.receive() for _ in range(3))
        assert (first, third) == (second, ["EOSE", "q"])


def test_git_refuses_a_wrong_content_type(server: RunningServer, url: str) -> None:
    server.faults.set("wrong-type", ONCE)
    assert "text/html" in curl("-D", "-", "-o", "/dev/null", listing(url)).stdout
    server.faults.set("wrong-type")
    assert not git("ls-remote", url, check=False).startswith("0\n")


def test_restart_with_purgatory_lost(server: RunningServer, work: Work, url: str) -> None:
    commit = work.commit("second", remote_refs(server, ALICE, "widget")["HEAD"])
    publish(server, ALICE.state("widget", {MAIN: commit}, at=NOW + 1))
    relay = Relay(server.relay_url)
    relay.query({})
    server.faults.set("lost-purgatory")
    with pytest.raises((*LOST, ValueError)):
        relay.query({})
    assert not work.push(server, ALICE, "widget", f"{commit}:{MAIN}")
    newer = ALICE.state("widget", {MAIN: commit}, at=NOW + 2)
    assert publish(server, newer)[0][0]
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")


def test_slow_messages_come_in_pieces(server: RunningServer, url: str) -> None:
    with Relay(server.relay_url) as relay:
        server.faults.set("slow", Aim(value=100))
        relay.send("REQ", "q", {"kinds": [kinds.STATE]})
        frames: list[Any] = []
        receive: Any = relay.socket.recv_frame
        started = time.monotonic()
        while not (frames and frames[-1].fin):
            frames.append(receive())
        assert time.monotonic() - started > 0.01 * (len(frames) - 2)
        assert {len(frame.data) for frame in frames[:-1]} == {100}
        event = json.loads(b"".join(frame.data for frame in frames))
        assert verify(event[2]).kind == kinds.STATE
        assert relay.receive() == ["EOSE", "q"]


def test_what_is_new_waits_for_a_slow_message(server: RunningServer, url: str) -> None:
    with Relay(server.relay_url) as relay:
        relay.query({"kinds": [kinds.GRASP_LIST]}, name="live")
        relay.send("REQ", "live", {"kinds": [kinds.GRASP_LIST]})
        assert relay.receive() == ["EOSE", "live"]
        server.faults.set("slow", Aim(message="slowly", value=20))
        relay.send("REQ", "slowly", {"kinds": [kinds.STATE]})
        time.sleep(0.05)  # it is being written now
        publish(server, ALICE.sign(kinds.GRASP_LIST))
        assert [relay.receive()[:2] for _ in range(3)] == [
            ["EVENT", "slowly"],
            ["EVENT", "live"],
            ["EOSE", "slowly"],
        ]


@pytest.mark.parametrize(
    ("fault", "aim", "left"),
    [("hidden-state", Aim(), {kinds.ANNOUNCEMENT}), ("cap", Aim(value=1), None)],
)
def test_count_and_negentropy_are_no_way_around(
    server: RunningServer, url: str, fault: str, aim: Aim, left: set[int] | None
) -> None:
    """`left`: the kinds that still show; None: one, whichever it is."""
    everything = {e.id: e.kind for e in server.events(Filter())}
    assert len(everything) == 2
    server.faults.set(fault, aim)
    with Relay(server.relay_url) as relay:
        assert relay.count({}) == relay.count({"limit": 1}, {}) == 1
        assert relay.count({"kinds": [kinds.STATE]}) == int(left is None)
        relay.send("NEG-OPEN", "n", {}, "6100000200")
        answer = relay.receive()[2]
        found = [kind for event_id, kind in everything.items() if event_id in answer]
        assert len(found) == 1
        assert left is None or set(found) == left
        server.faults.clear()
        assert relay.count({}) == 2
        relay.send("NEG-OPEN", "n", {}, "6100000200")
        answer = relay.receive()[2]
        assert all(event_id in answer for event_id in everything)


def test_flood_waits_for_a_req(server: RunningServer, url: str) -> None:
    server.faults.set("flood", Aim(times=1, value=5))
    with Relay(server.relay_url) as relay:
        assert relay.count({}) == 2
        assert len(relay.query({})) == 7


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_capped_listing_leaves_refs_out(
    server: RunningServer, work: Work, url: str, protocol: int
) -> None:
    commit = work.commit("second")
    work.git("tag", "-a", "-m", "v", "v1", commit)
    tag = work.git("rev-parse", "v1")
    refs = {MAIN: commit, "refs/heads/more": commit, "refs/tags/v1": tag}
    publish(server, ALICE.state("widget", refs, at=NOW + 1))
    assert work.push(server, ALICE, "widget", *(f"+{oid}:{name}" for name, oid in refs.items()))

    def names() -> list[str]:
        lines = git("ls-remote", url, protocol=protocol).splitlines()
        return [line.split("\t")[1] for line in lines]

    whole = ["HEAD", *refs, "refs/tags/v1^{}"]
    assert names() == whole
    server.faults.set("capped-refs", Aim(times=1, value=2))
    assert names() == whole[:3]
    assert names() == whole
    server.faults.set("capped-refs", Aim(value=0))
    assert names() == whole[:2]  # a listing without any line would be broken, not short
    git("clone", "-q", "--bare", url, work.path / "clone", protocol=protocol)
    assert git("for-each-ref", "--format=%(refname)", cwd=work.path / "clone") == MAIN


def test_aim_by_method_path_and_message(server: RunningServer, url: str) -> None:
    server.faults.set("http-500", Aim(method="GET", path="receive-pack"))
    server.faults.add("lying-ok", Aim(message=ALICE.sign(kinds.GRASP_LIST).id))
    assert status(listing(url)) == "200"
    assert status(listing(url).replace("upload", "receive")) == "500"
    first, second = ALICE.sign(kinds.GRASP_LIST), ALICE.sign(kinds.GRASP_LIST, at=NOW + 1)
    assert publish(server, first, second) == [(True, "")] * 2
    assert served(server, kinds=[kinds.GRASP_LIST]) == [second.id]


def test_over_the_control_route(server: RunningServer, url: str) -> None:
    control = f"{server.url}/_sandbox/faults"
    assert requests.post(f"{control}/http-502?times=2&path=info", timeout=5).status_code == 204
    assert [status(listing(url)) for _ in range(3)] == ["502", "502", "200"]
    assert requests.post(f"{control}/refuse", timeout=5).status_code == 400
    assert requests.post(f"{control}/cap?value=x", timeout=5).status_code == 400
    requests.post(f"{control}/cap?value=1", timeout=5)
    requests.post(f"{control}/lying-ok?add=1", timeout=5)
    assert len(served(server)) == 1
    assert publish(server, ALICE.sign(kinds.GRASP_LIST)) == [(True, "")]
    assert not server.events(Filter(kinds=(kinds.GRASP_LIST,)))


def test_from_the_command_line(server: RunningServer, url: str) -> None:
    def call(*args: str) -> Result:
        return CliRunner().invoke(main, ["sandbox", "fault", server.url, *args])

    assert call("http-502", "--times", "1", "--path", "info/refs").stdout == "http-502 is armed\n"
    assert [status(listing(url)) for _ in range(2)] == ["502", "200"]
    call("http-500")
    assert status(listing(url)) == "500"
    assert call("--clear").stdout == "healthy\n"
    assert status(listing(url)) == "200"
    assert "no fault 'gremlins'" in call("gremlins").stderr
    assert "nobody could lift it" in call("refuse").stderr
    assert call().exit_code == call("hang", "--clear").exit_code == 64
