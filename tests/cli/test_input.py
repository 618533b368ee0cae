"""What a stranger may type: each wrong word gets its message, its remedy and its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.main import main
from tests.kit.program import Case, Result, command, reconcile

GOOD = "npub15qydau2hjma6ngxkl2cyar74wzyjshvl65za5k5rl69264ar2exs5cyejr"
STATE = f"""\
version: 1
servers: [http://127.0.0.1:9]
npubs:
  - {{npub: {GOOD}, name: owner}}
policies:
  egress: {{allow_private: [127.0.0.0/8]}}
"""
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def run(folder: Path, text: str | None, *args: str) -> Result:
    """A call in a process of its own."""
    if text is not None:
        (folder / "desired-state.yaml").write_text(text)
    return reconcile(folder, *args)


def call(folder: Path, text: str, *args: str) -> Result:
    """The same in this process, for what is refused before any work begins."""
    (folder / "desired-state.yaml").write_text(text)
    words = command(folder, *args)[3:]  # without the interpreter
    with contextlib.chdir(folder):
        done = CliRunner().invoke(main, words, prog_name="reconcile")
    return Result(done.exit_code, done.stdout, done.stderr, {})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (STATE.replace("servers", "sever", 1), 2, 'did you mean "servers"'),
        (STATE.replace(GOOD[-4:], "aaaa"), 4, "checksum"),
        (
            STATE.replace("[http://127.0.0.1:9]", "[http://127.0.0.1:9, HTTP://127.0.0.1:9/]"),
            2,
            "twice",
        ),
        (BOMB, 1, "anchor"),
        ("", 0, "empty"),
        ("# only a comment\n", 0, "empty"),
        (STATE.replace("version: 1", "version: 7"), 1, "version"),
        (STATE + "policies: {}\n", 7, "duplicate key"),
    ],
)
def test_a_wrong_desired_state_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    done = call(tmp_path, text, "validate")
    assert done.code == 78, done.err
    assert words in done.err
    assert "remedy: " in done.err
    assert f"desired-state.yaml:{line}:" in done.err or line == 0


@pytest.mark.parametrize("verb", ["--plan", "--apply"])
def test_a_run_refuses_it_just_so_and_writes_nothing(tmp_path: Path, verb: str) -> None:
    checked = run(tmp_path, STATE.replace("servers", "sever", 1), "validate")
    done = run(tmp_path, None, verb)
    assert (done.code, done.err) == (78, checked.err)
    assert not (tmp_path / "reports").exists()


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = STATE.replace("servers", "sever", 1).replace(GOOD[-4:], "aaaa")
    done = call(tmp_path, text, "validate")
    assert done.err.count("remedy: ") >= 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, None, "validate", "-f", "nowhere.yaml")
    assert done.code == 78
    assert "nowhere.yaml: the desired state does not exist" in done.err


def test_a_right_one_is_said_to_be_valid(tmp_path: Path) -> None:
    done = run(tmp_path, STATE, "validate")
    assert (done.code, done.err) == (0, "")
    assert "valid (1 server, 1 npub)" in done.out


def test_a_key_file_that_others_can_read_is_refused(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one"])
    case.desired(signer=True)
    keys = case.folder / "keys"
    keys.chmod(0o640)
    done = case.reconcile("--apply", "--keys", keys)
    assert done.code == 77
    assert "chmod 600" in done.err
    assert case.owner.nsec() not in done.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--nonsense"], "No such option"),
        (["--plan", "--apply"], "exclude each other"),
        (["--apply", "--out", "x.json"], "goes with --plan"),
        (["--accept", "mass-delete"], "digest"),
        (["--accept", "everything@0123456789ab"], "is no guard"),
        (["--shard", "3/2"], "1 <= i <= n"),
        (["--forks", "0"], "range"),
        (["--format", "yaml"], "yaml"),
        (["--exit-zero-on", "1"], "only"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_words_leave_with_64(tmp_path: Path, args: list[str], words: str) -> None:
    done = call(tmp_path, STATE, *args)
    assert done.code == 64
    assert words in done.err


def test_a_dead_server_is_unknown_and_costs_six(tmp_path: Path) -> None:
    done = run(tmp_path, STATE, "--plan")
    assert done.code == 6
    assert "connection-refused" in done.out


def test_codes_can_be_made_quiet_for_timers(tmp_path: Path) -> None:
    assert run(tmp_path, STATE, "--plan", "--exit-zero-on", "3,6").code == 0


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_reader_who_leaves_changes_nothing(tmp_path: Path, form: str) -> None:
    """`reconcile | true`: the pipe is broken, the report is written, the code is the run's."""
    (tmp_path / "desired-state.yaml").write_text(STATE)
    reader, writer = os.pipe()
    os.close(reader)
    words = command(tmp_path, "--format", form)
    done = subprocess.run(words, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.returncode == 6
    assert done.stderr.decode().splitlines()[-1].startswith("report: ")
    assert (tmp_path / "reports" / "latest.json").exists()


def test_every_flag_works_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(STATE)
    done = reconcile(tmp_path, RECONCILE_FILE="other.yaml", RECONCILE_FORMAT="json")
    assert done.code == 6
    assert json.loads(done.out)["version"] == 1


def test_the_committed_desired_state_ends_in_time_without_network(tmp_path: Path) -> None:
    """Nine servers and an index relay, under names that never resolve (RFC 6761 `.invalid`)."""
    text = (Path(__file__).parents[2] / "desired-state.yaml").read_text()
    for server in re.findall(r"(?:https|wss)://([a-z0-9.-]+)", text):
        text = text.replace(f"//{server}", f"//{server}.invalid")
    done = run(tmp_path, text, "--plan")
    unknown = [server["unknown"] for server in done.report["servers"]]
    assert len(unknown) == 10
    assert all(why.startswith("name-not-resolved: ") for why in unknown)
    assert done.code == 6
    assert done.report["events_sent"] == done.report["pushes_sent"] == 0
