"""`reconcile sandbox serve`: servers in processes of their own, as a person starts them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import new
from tests.kit.git import git
from tests.kit.patience import eventually

COMMAND = [sys.executable, "-m", "reconciler", "sandbox", "serve"]


@contextmanager
def serve(*args: str | Path) -> Iterator[tuple[str, str]]:
    """A server for the time of the block: its URL and its relay's. It must end in order."""
    with subprocess.Popen([*COMMAND, *map(str, args)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            url, relay = child.stdout.readline().split()
            yield url, relay
        finally:
            child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0


@pytest.mark.parametrize(
    ("family", "software"), [("ngit-grasp", "ngit-grasp"), ("khatru", "fiatjaf/nak")]
)
def test_it_behaves_as_its_family(family: str, software: str) -> None:
    with serve(family) as (url, relay):
        headers = {"Accept": "application/nostr+json"}
        about = requests.get(url, headers=headers, timeout=5).json()
        assert relay == url.replace("http", "ws")
    assert software in about["software"]
    assert "GRASP-01" in about["supported_grasps"]


def test_one_that_follows_gets_what_the_other_has(tmp_path: Path) -> None:
    """Two processes, no reconciler: an announcement, its state and its commits travel."""
    alice = new("alice")
    source = tmp_path / "source"
    git("init", "-q", "-b", "main", str(source))
    git("commit", "-q", "--allow-empty", "-m", "first", cwd=source)
    tip = git("rev-parse", "HEAD", cwd=source)
    with serve("spec") as (one, relay), serve("spec", "--follow", relay) as (two, _):
        announced = authors.announce(alice, "widget", [one, two], at=1_700_000_000, root=tip)
        state = authors.declare(alice, "widget", {"refs/heads/main": tip}, at=1_700_000_001)
        assert all(ok.accepted for ok in history.send(one, [announced, state]))
        path = f"{alice.npub}/widget.git"
        git("push", "-q", f"{one}/{path}", "HEAD:refs/heads/main", cwd=source)
        eventually(lambda: tip in git("ls-remote", f"{two}/{path}", check=False), seconds=30)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with serve("spec", "--dir", tmp_path / "kept") as (url, _):
        port = url.rpartition(":")[2]
        done = subprocess.run(
            [*COMMAND, "spec", "--port", port], capture_output=True, text=True, check=False
        )
    assert done.returncode == 64
    assert f"port {port}" in done.stderr and "another --port" in done.stderr
    assert (tmp_path / "kept" / "events.sqlite").exists()
