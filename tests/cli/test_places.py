"""Folders and disks: tried before the first write, named when they fail; what was done is told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.kit.program import Case, command, reconcile

from .test_input import STATE


def working(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired()


def untouched(case: Case) -> bool:
    return case.servers["two"].counters.snapshot()["events_received"] == 0


@pytest.mark.parametrize(
    ("flag", "what"), [("--report-dir", "report folder"), ("--state-dir", "state folder")]
)
def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(
    case: Case, flag: str, what: str
) -> None:
    working(case)
    file = case.folder / "a-file"
    file.touch()
    done = case.reconcile("--apply", flag, file / "below")
    assert done.code == 78
    assert f"{file / 'below'}: the {what} cannot be written: Not a directory" in done.err
    assert f"RECONCILE_{flag[2:].upper().replace('-', '_')}" in done.err
    assert untouched(case)


def test_a_disk_that_takes_nothing_is_noticed_before_anything_is_done(case: Case) -> None:
    """The limit on file sizes is as good as a full disk: files can be made, and not filled."""
    working(case)
    words = command(case.folder, "--apply", "-f", case.folder / "desired-state.yaml")
    line = ["/bin/sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 78, done.stderr
    assert "the state folder cannot be written: File too large" in done.stderr
    assert untouched(case)


def test_a_report_that_cannot_be_written_takes_nothing_of_the_outcome(case: Case) -> None:
    working(case)
    place = case.folder / "elsewhere"
    (place / "latest.json").mkdir(parents=True)
    done = case.reconcile("--apply", "--report-dir", place)
    assert done.code == 3
    assert "Recap, cells of each server" in done.out
    said = f"report could not be written to {place / 'latest.json'}: it is not a plain file"
    assert said in done.err
    assert "3 (something failed or did not converge)" in " ".join(done.out.split())
    assert case.refs("two", "widget") == case.refs("one", "widget") != {}


def test_an_archive_that_fails_on_the_way_is_an_outcome_and_not_an_end(case: Case) -> None:
    working(case)
    (case.folder / "state" / "archive").mkdir(parents=True)
    (case.folder / "state" / "archive" / "repositories").touch()
    done = case.reconcile("--apply")
    assert done.code == 3
    assert "Recap, cells of each server" in done.out
    assert any("repositories" in outcome["detail"] for outcome in done.report["outcomes"])
    assert done.report["outcomes"]


def test_a_memory_that_cannot_be_kept_is_said_and_the_outcome_is_whole(case: Case) -> None:
    working(case)
    (case.folder / "state" / "memory.sqlite3").mkdir(parents=True)
    done = case.reconcile("--apply")
    assert done.code == 3
    assert "the memory of this run could not be written" in " ".join(done.out.split())
    assert case.refs("two", "widget") == case.refs("one", "widget") != {}


def test_a_plan_needs_no_place_to_write(tmp_path: Path) -> None:
    (tmp_path / "desired-state.yaml").write_text(STATE)
    nowhere = Path("/dev/null/below")
    done = reconcile(tmp_path, "--plan", "--state-dir", nowhere, "--report-dir", nowhere)
    assert done.code == 6
    assert "cells: none" in done.out
    said = done.err.splitlines()
    assert sum("--state-dir" in line for line in said) == 1
    assert sum("--report-dir" in line for line in said) == 1


def test_a_plan_makes_no_state(tmp_path: Path) -> None:
    (tmp_path / "desired-state.yaml").write_text(STATE)
    reconcile(tmp_path, "--plan")
    assert not (tmp_path / "state").exists()


def test_a_user_without_a_home_can_plan(tmp_path: Path) -> None:
    (tmp_path / "desired-state.yaml").write_text(STATE)
    words = [word for word in command(tmp_path) if "state" not in word]
    done = subprocess.run(
        words, cwd=tmp_path, env={"HOME": "/dev/null"}, capture_output=True, check=False
    )
    assert done.returncode == 6, done.stderr
    assert not (tmp_path / "state").exists()


def test_a_plan_that_cannot_be_saved_names_the_file_and_the_flag(tmp_path: Path) -> None:
    (tmp_path / "desired-state.yaml").write_text(STATE)
    done = reconcile(tmp_path, "--plan", "--out", tmp_path)
    assert done.code == 78
    assert f"{tmp_path}: the plan cannot be written: " in done.err
    assert "--out" in done.err


def test_the_last_apply_is_kept_when_plans_and_parts_follow(case: Case) -> None:
    working(case)
    kept = case.folder / "reports" / "latest-apply.json"
    case.reconcile("--plan")
    assert not kept.exists()
    done = case.reconcile("--apply")
    assert json.loads(kept.read_text()) == done.report
    after = [case.reconcile("--plan"), case.reconcile("--apply", "--limit", "alice/*")]
    assert json.loads(kept.read_text())["run_id"] == done.report["run_id"]
    assert after[-1].report["run_id"] != done.report["run_id"]


WRONG = {
    "another name": ("owner-kye: {nsec}\n", "there is no key named owner-key, the signer of alice"),
    "somebody else's": (
        "owner-key: {other}\n",
        "the key owner-key is not that of alice: it signs for npub1",
    ),
    "an empty file": ("# none yet\n", "the file has: none"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_is_found_before_the_first_request(case: Case, name: str) -> None:
    text, words = WRONG[name]
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one"])
    case.desired(signer=True)
    before = case.servers["one"].counters.snapshot()
    other = "0" * 63 + "1"
    (case.folder / "keys").write_text(text.format(nsec=case.owner.nsec(), other=other))
    done = case.reconcile("--apply", "--keys", case.folder / "keys")
    assert done.code == 78
    assert words in done.err
    assert "observe" not in done.err
    assert case.owner.nsec() not in done.err
    assert case.servers["one"].counters.snapshot() == before


def test_keys_are_not_asked_for_where_nothing_is_ever_signed(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired("  announcements: keep\n", signer=True)
    (case.folder / "keys").write_text("")
    assert case.reconcile("--apply", "--keys", case.folder / "keys").code == 0
