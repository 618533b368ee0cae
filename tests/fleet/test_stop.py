"""Stop means stop: signals to the program as a process, whatever the servers do meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.limits import STOP_SECONDS
from reconciler.sandbox.faults import Aim
from tests.kit.patience import eventually
from tests.kit.peers import Door, answer, door, request
from tests.kit.program import Case, command
from tests.kit.websocket import hear, say, upgrade

LOADED = 30.0
"""Seconds until a run is where a test wants it, on a machine that does other things besides."""
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


HEARING = (
    "import os, signal, sys\n"
    "for number in (1, 2, 15): signal.signal(number, signal.SIG_DFL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""Whoever runs the tests by `nohup`, or in the background, has them ignore signals: not here."""


@contextmanager
def running(case: Case, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(case.folder)}
    words = command(case.folder, "-f", str(case.folder / "desired-state.yaml"), *args)
    run = subprocess.Popen(
        [sys.executable, "-S", "-c", HEARING, *words],
        env=environment,
        cwd=case.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with run:
        try:
            yield run
        finally:
            run.kill()


def ends(run: subprocess.Popen[bytes], seconds: float) -> tuple[int, str]:
    """Exit code and stderr; it must end so soon."""
    start = time.monotonic()
    _, err = run.communicate(timeout=seconds + 20)
    assert time.monotonic() - start < seconds
    return run.returncode, err.decode()


def report(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((case.folder / "reports" / "latest.json").read_text())
    return found


@pytest.fixture
def chatting(case: Case) -> Iterator[Door]:
    """A server whose relay never comes to an end and never falls silent."""

    def talk(connection: socket.socket) -> None:
        head = request(connection)
        if b"sec-websocket-key" not in head.lower():
            connection.sendall(answer("200 OK", b"{}"))
            return
        upgrade(connection, head=head)
        place.seen.append(repr(hear(connection)).encode())
        while True:
            say(connection, "NOTICE", "please hold the line")
            time.sleep(0.2)

    with door(talk) as place:
        case.start("one")
        case.extra_servers.append(place.url)
        case.repository("widget", on=["one"])
        case.desired()
        yield place


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_the_first_signal_ends_a_run_although_a_relay_chats_on(
    case: Case, chatting: Door, number: signal.Signals, code: int
) -> None:
    with running(case, "--plan") as run:
        eventually(lambda: chatting.seen)
        time.sleep(0.5)
        run.send_signal(number)
        ended, err = ends(run, 5)
    assert ended == code
    assert "once more ends at once" in err
    assert report(case)["exit_code"] == code
    assert "stopped by a signal" in report(case)["notes"]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_what_hangs_is_cut_and_the_report_is_written(
    case: Case, number: signal.Signals, code: int
) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired()
    case.servers["two"].faults.set("hang", Aim(path="git-upload-pack"))
    with running(case, "--plan") as run:
        eventually(lambda: case.servers["two"].faults.strikes, LOADED)
        run.send_signal(number)
        ended, _ = ends(run, STOP_SECONDS + 5)
    assert (ended, report(case)["exit_code"]) == (code, code)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_the_second_signal_ends_the_process_whatever_hangs(
    case: Case, number: signal.Signals, code: int
) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired()
    case.servers["two"].faults.set("hang")
    with running(case, "--apply") as run:
        eventually(lambda: case.servers["two"].faults.strikes, LOADED)
        run.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert run.poll() is None
        run.send_signal(number)
        ended, err = ends(run, 2)
    assert ended == code
    assert "stopped at once" in err
    case.servers["two"].faults.clear()
    assert case.reconcile("--apply").code in (0, 3)  # the lock is free


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found + [deeper for child in found for deeper in descendants(child)]


def fetching(pid: int) -> list[int]:
    """All that a program started, once git reads what comes of a pack."""
    found = descendants(pid)
    return found if any(b"receive-pack" in command_line(child) for child in found) else []


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("twice", [False, True])
def test_no_git_outlives_the_program(case: Case, twice: bool) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired()
    # what comes of the pack is read by git, and the rest does not come
    case.servers["one"].faults.set("slow", Aim(method="POST", path="git-upload-pack", value=16))
    with running(case, "--apply") as run:
        eventually(lambda: fetching(run.pid), LOADED)
        gits = fetching(run.pid)
        run.send_signal(signal.SIGTERM)
        if twice:
            time.sleep(0.3)
            run.send_signal(signal.SIGTERM)
        assert ends(run, 2 if twice else STOP_SECONDS + 5)[0] == 143
    eventually(lambda: not any(map(lives, gits)), 2)
    if not twice:
        assert report(case)["exit_code"] == 143


def test_waiting_for_the_throttle_ends_at_once(case: Case) -> None:
    case.start("one", "two")
    for name in ("widget", "gadget", "gizmo"):
        case.repository(name, on=["one"])
    file = case.desired()
    text = file.read_text()
    file.write_text(text.replace("events_per_minute: 6000", "events_per_minute: 1"))
    with running(case, "--apply") as run:
        eventually(lambda: case.servers["two"].counters.snapshot()["events_received"])
        time.sleep(3)
        run.send_signal(signal.SIGINT)
        assert ends(run, 5)[0] == 130
    assert report(case)["exit_code"] == 130


def catches(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signals_are_heard_before_the_program_is_loaded(
    case: Case, number: signal.Signals, code: int
) -> None:
    case.start("one")
    case.repository("widget", on=["one"])
    case.desired()
    with running(case, "--plan") as run:
        eventually(lambda: catches(run.pid, signal.SIGHUP) or run.poll() is not None)
        assert "secp256k1" not in Path(f"/proc/{run.pid}/maps").read_text()
        run.send_signal(number)
        ended, err = ends(run, 8)
    assert ended == code
    assert "Traceback" not in err
    assert report(case)["exit_code"] == code


def test_nohup_is_meant_and_a_hangup_ends_nothing(case: Case) -> None:
    case.start("one")
    case.repository("widget", on=["one"])
    case.desired()
    words = command(case.folder, "-f", str(case.folder / "desired-state.yaml"), "--plan")
    environment = {"PATH": os.environ["PATH"], "HOME": str(case.folder)}
    with subprocess.Popen(["nohup", *words], env=environment, stdout=subprocess.DEVNULL) as run:
        eventually(lambda: catches(run.pid, signal.SIGTERM))
        run.send_signal(signal.SIGHUP)
        assert run.wait(20) == 0
