"""What a run shows never decides what it does: broken streams, old encodings, formats of both."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.faults import Aim
from tests.kit.program import Case, command

from .test_input import STATE


def plan(folder: Path, *args: str, **given: Any) -> subprocess.CompletedProcess[bytes]:
    """A plan in a process of its own, on streams that the test chooses."""
    (folder / "desired-state.yaml").write_text(STATE)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **given.pop("env", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
    return subprocess.run(command(folder, *args), cwd=folder, env=env, check=False, **streams)


def converging(case: Case) -> list[str]:
    """A fleet with work to do; the words that do it."""
    case.start("one", "two")
    case.repository("widget", on=["one"])
    return ["-f", str(case.desired())]


def test_an_apply_shows_its_outcome_as_markdown_here_and_on_the_page_of_the_job(
    case: Case,
) -> None:
    summary = case.folder / "summary.md"
    done = case.reconcile("--apply", "--format", "markdown", GITHUB_STEP_SUMMARY=str(summary))
    assert done.code == 78  # no desired state yet, and nothing was shown
    assert not summary.exists()
    converging(case)
    done = case.reconcile("--apply", "--format", "markdown", GITHUB_STEP_SUMMARY=str(summary))
    assert done.code == 0, done.err
    assert done.out.startswith("<!-- grasp-reconciler:outcome -->\n### Applied: 0 signatures, ")
    assert "### Plan" not in done.out
    assert summary.read_text() == done.out


def test_a_plan_goes_to_the_page_of_the_job(case: Case) -> None:
    summary = case.folder / "summary.md"
    converging(case)
    done = case.reconcile("--plan", "--format", "json", GITHUB_STEP_SUMMARY=str(summary))
    assert json.loads(done.out)["version"] == 1
    assert summary.read_text().startswith("<!-- grasp-reconciler:plan -->\n### Plan: ")


def test_a_server_whose_git_side_fails_is_named_with_repository_and_reason(case: Case) -> None:
    converging(case)
    case.servers["one"].faults.set("http-502", Aim(path="info/refs"))
    done = case.reconcile("--apply")
    host = case.servers["one"].url.removeprefix("http://")
    assert 6 in done.report["exit_codes"], done.out
    assert f"? git on {host}: http-error: 502" in done.out
    assert "alice/widget" in done.out.partition("Unknown: could not be learnt")[2]
    assert "502" in done.recap(case.servers["one"].url)["detail"]


def test_failed_pushes_are_told_in_the_plan_s_words_and_keys_are_not(case: Case) -> None:
    converging(case)
    case.servers["two"].faults.set("http-500", Aim(method="POST", path="git-receive-pack"))
    done = case.reconcile("--apply")
    host = case.servers["two"].url.removeprefix("http://")
    said = " ".join(done.out.split())
    assert re.search(rf"alice/widget: push \d refs on {host}: http-error: 500", said), done.out
    assert "30617:" not in done.out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
def test_a_terminal_without_unicode_is_served_in_ascii(case: Case, encoding: str) -> None:
    """Arrows and dots become ASCII; the run goes on to its end."""
    converging(case)
    done = case.reconcile("--apply", PYTHONIOENCODING=encoding)
    assert done.code == 0, done.err
    assert done.out.isascii()
    assert "Traceback" not in done.err


def test_a_reader_who_leaves_does_not_stop_an_apply(case: Case) -> None:
    words = converging(case)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(case.folder, "--apply", *words), stdout=writer, stderr=writer, check=False
    )
    os.close(writer)
    assert done.returncode == 0
    assert case.refs("two", "widget") == case.refs("one", "widget") != {}


def test_a_full_disk_behind_stdout_is_said_once_and_the_apply_goes_on(case: Case) -> None:
    words = converging(case)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(case.folder, "--apply", *words),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No space left on device") == 1
    assert case.refs("two", "widget") == case.refs("one", "widget") != {}


def test_a_full_disk_behind_stderr_is_no_matter(case: Case) -> None:
    words = converging(case)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(case.folder, "--apply", *words), stdout=full, stderr=full, check=False
        )
    assert done.returncode == 0


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_stream_is_no_matter(tmp_path: Path, closed: str) -> None:
    (tmp_path / "desired-state.yaml").write_text(STATE)
    line = f'exec "$@" {closed}>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *command(tmp_path)], cwd=tmp_path, check=False
    )
    assert done.returncode == 6


def test_a_reader_of_the_job_s_page_may_be_a_pipe(tmp_path: Path) -> None:
    """With a reader it gets the page; the test without one stands below."""
    fifo = tmp_path / "summary"
    os.mkfifo(fifo)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(fifo.read_text()))
    reader.start()
    done = plan(tmp_path, env={"GITHUB_STEP_SUMMARY": str(fifo)}, timeout=30)
    reader.join(10)
    assert done.returncode == 6
    assert found and found[0].startswith("<!-- grasp-reconciler:plan -->")


@pytest.mark.parametrize("what", ["a missing folder", "a pipe that nobody reads", "a full disk"])
def test_a_job_s_page_that_cannot_be_written_is_said_once(tmp_path: Path, what: str) -> None:
    place = tmp_path / "nowhere" / "summary"
    if what == "a pipe that nobody reads":
        place = tmp_path / "fifo"
        os.mkfifo(place)
    if what == "a full disk":
        place = Path("/dev/full")
    done = plan(tmp_path, env={"GITHUB_STEP_SUMMARY": str(place)}, timeout=30)
    assert done.returncode == 6
    said = [line for line in done.stderr.decode().splitlines() if "GITHUB_STEP_SUMMARY" in line]
    assert len(said) == 1
    assert str(place) in said[0]
