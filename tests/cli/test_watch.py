"""The daemon from outside, on real servers: it hears, reloads, serves, survives and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from reconciler.sandbox.demo import authors, history
from tests.kit.program import Case, command

SECONDS = 40.0


class Watching:
    """A daemon that runs; what it says is kept in a file."""

    def __init__(self, case: Case, *words: str, **env: str) -> None:
        self.case = case
        self.said = case.folder / "said.txt"
        line = ["env", "--default-signal=HUP"]  # whoever runs the tests may ignore it
        line += command(case.folder, "-f", case.folder / "desired-state.yaml", "watch", *words)
        with self.said.open("w") as out:
            environment = {"PATH": os.environ["PATH"], "HOME": str(case.folder), **env}
            self.child = subprocess.Popen(line, stdout=out, stderr=out, env=environment)

    def text(self) -> str:
        return self.said.read_text()

    def until(self, found: Callable[[], object], what: str) -> float:
        """Wait for something; the seconds that it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < SECONDS:
            if found():
                return time.monotonic() - begun
            assert self.child.poll() is None, self.text()
            time.sleep(0.02)
        raise AssertionError(f"{what} did not happen: {self.text()}")

    def says(self, words: str, times: int = 1) -> float:
        return self.until(lambda: len(re.findall(words, self.text())) >= times, words)

    def url(self) -> str:
        self.says("serving ")
        found = re.search(r"serving (\S+)", self.text())
        assert found
        return found[1]


@contextmanager
def watching(case: Case, *words: str, **env: str) -> Iterator[Watching]:
    found = Watching(case, *words, **env)
    try:
        yield found
    finally:
        found.child.kill()
        found.child.wait()


@pytest.fixture
def fleet(case: Case) -> Case:
    """Three servers; a repository that two of them do not have yet."""
    case.start("one", "two", "three")
    case.repository("widget", on=["one"])
    case.desired()
    return case


HOURLY = ("--apply", "--interval", "1h", "--jitter", "0s", "--port", "0")


def everywhere(case: Case, oid: str) -> bool:
    found = (case.refs(name, "widget").get("refs/heads/main") for name in case.servers)
    return all(have == oid for have in found)


def push(case: Case, server: str, seed: int) -> str:
    """A maintainer's push to one server; the new commit."""
    source = case.sources["widget"]
    oid = history.extend(source, seed)
    url = case.servers[server].url
    refs = history.refs(source)
    # of two states of one second neither is newer
    state = authors.declare(case.owner, "widget", refs, at=int(time.time()) + seed)
    history.send(url, [state])
    history.push(source, url, case.owner.pubkey, "widget", refs)
    return oid


def test_what_is_pushed_to_one_server_is_soon_on_all_without_a_run_of_everything(
    fleet: Case,
) -> None:
    with watching(fleet, *HOURLY, "--no-serve") as daemon:
        daemon.says("everything: Applied")
        for number in range(3):
            oid = push(fleet, "two", 20 + number)
            assert daemon.until(partial(everywhere, fleet, oid), "the push on all") < 15
        assert daemon.text().count("everything:") == 1
        assert "alice/widget: Applied" in daemon.text()


def test_a_new_desired_state_counts_after_hup_and_a_wrong_one_never(fleet: Case) -> None:
    path = fleet.folder / "desired-state.yaml"
    right = path.read_text()
    with watching(fleet, *HOURLY, "--no-serve", "--no-live") as daemon:
        daemon.says("everything: ")
        path.write_text(right.replace("servers:", "severs:"))
        daemon.child.send_signal(signal.SIGHUP)
        daemon.says("the one from before stays")
        assert 'unknown key "severs"' in daemon.text()
        path.write_text(right + "  replicas: 2\n")
        daemon.child.send_signal(signal.SIGHUP)
        daemon.says("was read again")
        daemon.says("everything: ", times=2)
        daemon.child.send_signal(signal.SIGTERM)
        assert daemon.child.wait(20) == 0


def test_a_changed_file_is_noticed_where_that_is_asked_for(fleet: Case) -> None:
    path = fleet.folder / "desired-state.yaml"
    with watching(fleet, *HOURLY, "--no-serve", "--no-live", "--on-change") as daemon:
        daemon.says("everything: ")
        time.sleep(2.5)  # the file is looked at every two seconds
        path.write_text(path.read_text() + "  replicas: 2\n")
        daemon.says("was read again")
        daemon.says("everything: ", times=2)


def test_a_run_that_fails_ends_nothing_and_the_pages_say_so(fleet: Case) -> None:
    quick = ("--apply", "--interval", "1s", "--jitter", "0s", "--port", "0", "--no-live")
    with watching(fleet, *quick) as daemon:
        url = daemon.url()
        daemon.says("everything: .*exit codes 0;")
        fleet.servers["three"].kill()
        daemon.says("everything: .*exit codes 6;", times=2)
        with urllib.request.urlopen(f"{url}api/mirror-health", timeout=10) as answer:
            document = json.load(answer)
        assert document["status"] == "degraded"
        assert [s["status"] for s in document["servers"]] == ["ok", "ok", "degraded"]
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"alice/widget" in answer.read()


def test_without_apply_nothing_is_written(fleet: Case) -> None:
    quick = ("--interval", "1s", "--jitter", "0s", "--no-serve")
    with watching(fleet, *quick) as daemon:
        daemon.says("everything: Planned", times=2)
    with pytest.raises(RuntimeError, match="not found"):
        fleet.refs("two", "widget")


def test_a_signal_in_the_middle_of_a_run_ends_it_with_its_report(fleet: Case) -> None:
    fleet.servers["two"].faults.set("hang")
    with watching(fleet, *HOURLY, "--no-serve", "--no-live") as daemon:
        time.sleep(2)
        daemon.child.send_signal(signal.SIGTERM)
        assert daemon.child.wait(30) == 0
    report = json.loads((fleet.folder / "reports" / "latest.json").read_text())
    assert 143 in report["exit_codes"]


def test_a_service_manager_is_told_of_every_turn(fleet: Case, tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(place))
        door.settimeout(SECONDS)
        env = {"NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "400000"}
        with watching(fleet, *HOURLY, "--no-serve", "--no-live", **env) as daemon:
            heard = ""
            while not {"READY=1", "WATCHDOG=1"} <= set(heard.split()) or "STATUS" not in heard:
                heard += door.recv(4096).decode() + "\n"
            daemon.child.send_signal(signal.SIGHUP)
            while "RELOADING=1" not in heard:
                heard += door.recv(4096).decode() + "\n"
            daemon.child.send_signal(signal.SIGTERM)
            while "STOPPING=1" not in heard:
                heard += door.recv(4096).decode() + "\n"
            assert daemon.child.wait(20) == 0


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def kibibytes(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_runs_with_restarting_servers_leave_nothing_behind(fleet: Case) -> None:
    """As many runs as a day has at one each quarter of an hour; servers come and go meanwhile."""
    quick = ("--apply", "--interval", "1s", "--jitter", "0s", "--port", "0")
    case = fleet
    line = Watching(case, *quick)
    try:
        line.says("everything: ", times=10)
        first = (descriptors(line.child.pid), kibibytes(line.child.pid))
        for number in range(8):
            name = ("one", "two", "three")[number % 3]
            case.servers[name].faults.set("http-502")
            line.says("everything: ", times=10 + 10 * number)
            case.servers[name].faults.clear()
        line.says("everything: ", times=96)
        last = (descriptors(line.child.pid), kibibytes(line.child.pid))
        assert last[0] <= first[0] + 8
        assert last[1] <= first[1] * 1.3
    finally:
        line.child.kill()
        line.child.wait()
