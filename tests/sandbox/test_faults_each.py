"""Each fault fired once, and seen by curl, git or a relay client to have its effect."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import websocket

from reconciler.nostr import kinds, urls
from reconciler.nostr.filters import Filter
from reconciler.sandbox.faults import FAULTS, Aim
from reconciler.sandbox.server import RunningServer

from .kit import ALICE, NOW, Clock, Relay, Work, git, hosted, publish, remote_refs, served

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


@pytest.mark.parametrize("number", [403, 404, 413, 429, 500, 502])
def test_status_once(server: RunningServer, url: str, number: int) -> None:
    server.faults.set(f"http-{number}", ONCE)
    answer = curl("-D", "-", listing(url)).stdout
    assert answer.startswith(f"HTTP/1.1 {number}")
    assert "Retry-After" not in answer
    assert status(listing(url)) == "200"


def test_429_with_retry_after(server: RunningServer, url: str) -> None:
    server.faults.set("http-429-later", ONCE)
    answer = curl("-D", "-", listing(url)).stdout
    assert answer.startswith("HTTP/1.1 429")
    assert "Retry-After: 7" in answer


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
    end = time.monotonic() + 5
    while curl(server.url).returncode:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_reset_at_connect(server: RunningServer, url: str) -> None:
    server.faults.set("reset-connect", ONCE)
    # the reset may come while curl connects, before it has sent, or while it receives
    assert curl(listing(url)).returncode in (7, 52, 55, 56)
    assert status(listing(url)) == "200"


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


def test_hang_once(server: RunningServer, url: str) -> None:
    server.faults.set("hang", ONCE)
    assert curl("-m", "0.3", server.url).returncode == 28
    assert curl(server.url).returncode == 0


def test_slow_bytes(server: RunningServer, url: str) -> None:
    started = time.monotonic()
    git("ls-remote", url)
    quick = time.monotonic() - started
    server.faults.set("slow", Aim(path="info/refs", value=8))
    started = time.monotonic()
    git("ls-remote", url, protocol=0)
    assert time.monotonic() - started > quick + 0.2


def test_truncated_in_a_whole_frame(server: RunningServer, url: str) -> None:
    server.faults.set("truncate", ONCE)
    done = curl(listing(url))
    assert done.returncode == 0
    assert not done.stdout.endswith("0000")
    server.faults.set("truncate")
    assert not git("ls-remote", url, check=False).startswith("0\n")
    with Relay(server.relay_url) as relay, pytest.raises(ValueError):
        relay.query({})


def test_everything_twice(server: RunningServer, url: str) -> None:
    server.faults.set("duplicate", ONCE)
    body = curl(listing(url)).stdout
    assert body[: len(body) // 2] * 2 == body
    server.faults.set("duplicate", ONCE)
    with Relay(server.relay_url) as relay:
        relay.send("REQ", "q", {"kinds": [kinds.STATE]})
        first, second, third = (relay.receive() for _ in range(3))
        assert (first, third) == (second, ["EOSE", "q"])


def test_wrong_content_type(server: RunningServer, url: str) -> None:
    server.faults.set("wrong-type", ONCE)
    assert "text/html" in curl("-D", "-", "-o", "/dev/null", listing(url)).stdout
    server.faults.set("wrong-type")
    assert not git("ls-remote", url, check=False).startswith("0\n")


def second_commit(server: RunningServer, work: Work, url: str) -> str:
    commit = work.commit("second", remote_refs(server, ALICE, "widget")["HEAD"])
    publish(server, ALICE.state("widget", {MAIN: commit}, at=NOW + 1))
    return commit


def test_504_although_the_work_is_done(server: RunningServer, work: Work, url: str) -> None:
    commit = second_commit(server, work, url)
    server.faults.set("http-504-done", Aim(times=1, method="POST", path="git-receive-pack"))
    assert "504" in work.git("push", url, f"{commit}:{MAIN}", check=False)
    assert remote_refs(server, ALICE, "widget")[MAIN] == commit


def test_a_race_for_the_lock(server: RunningServer, work: Work, url: str) -> None:
    commit = second_commit(server, work, url)
    server.faults.set("cannot-lock-ref", ONCE)
    done = work.git("push", url, f"{commit}:{MAIN}", check=False)
    assert not done.startswith("0\n")
    assert "cannot lock ref" in done
    assert remote_refs(server, ALICE, "widget")[MAIN] == commit


def test_lost_git_data(server: RunningServer, url: str) -> None:
    server.faults.set("lost-git")
    assert status(listing(url)) == "404"
    assert len(served(server)) == 2


def test_lost_database(server: RunningServer, url: str) -> None:
    server.faults.set("lost-database")
    assert served(server) == []
    assert remote_refs(server, ALICE, "widget")


def test_restart_with_purgatory_lost(server: RunningServer, work: Work, url: str) -> None:
    commit = second_commit(server, work, url)
    relay = Relay(server.relay_url)
    relay.query({})
    server.faults.set("lost-purgatory")
    with pytest.raises((*LOST, ValueError)):
        relay.query({})
    assert not work.push(server, ALICE, "widget", f"{commit}:{MAIN}")
    newer = ALICE.state("widget", {MAIN: commit}, at=NOW + 2)
    assert publish(server, newer)[0][0]
    assert work.push(server, ALICE, "widget", f"{commit}:{MAIN}")


def test_hidden_newest_state(server: RunningServer, url: str) -> None:
    server.faults.set("hidden-state", ONCE)
    assert served(server, kinds=[kinds.STATE]) == []
    assert len(served(server, kinds=[kinds.STATE])) == 1


def test_capped_listing(server: RunningServer, url: str) -> None:
    server.faults.set("cap", Aim(times=1, value=1))
    assert len(served(server)) == 1
    assert len(served(server)) == 2


def test_lying_ok(server: RunningServer, url: str) -> None:
    event = ALICE.announce(server, "widget", at=NOW + 9)
    server.faults.set("lying-ok", ONCE)
    assert publish(server, event) == [(True, "")]
    assert not server.events(Filter(ids=(event.id,)))
    assert publish(server, event) == [(True, "")]
    assert server.events(Filter(ids=(event.id,)))


def test_flood(server: RunningServer, url: str) -> None:
    server.faults.set("flood", Aim(times=1, value=300))
    assert len(served(server, kinds=[kinds.STATE])) == 301
    assert len(served(server, kinds=[kinds.STATE])) == 1


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


def test_each_fault_has_its_test() -> None:
    """The names in this file and in `test_faults` are the names that there are."""
    here = Path(__file__).parent
    text = "".join(path.read_text() for path in here.glob("test_faults*.py"))
    tested = {name for name in FAULTS if f'"{name}"' in text or name.startswith("http-")}
    assert tested == set(FAULTS)


def test_from_the_command_line(server: RunningServer, url: str, tmp_path: Path) -> None:
    base = [sys.executable, "-m", "reconciler", "sandbox", "fault", server.url]

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*base, *args], capture_output=True, text=True, check=False, cwd=tmp_path
        )

    assert call("http-502", "--times", "1", "--path", "info/refs").stdout == "http-502 is armed\n"
    assert [status(listing(url)) for _ in range(2)] == ["502", "200"]
    call("http-500")
    assert status(listing(url)) == "500"
    assert call("--clear").stdout == "healthy\n"
    assert status(listing(url)) == "200"
    assert "no fault 'gremlins'" in call("gremlins").stderr
    assert "nobody could lift it" in call("refuse").stderr
    assert call().returncode == call("hang", "--clear").returncode == 64
