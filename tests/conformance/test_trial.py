"""`reconcile conformance`: the rows against servers that are run by somebody else, good and bad."""

from __future__ import annotations

import inspect
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reconciler.cli.main import main
from reconciler.conformance import rows, show
from reconciler.conformance.needs import FIRST, LAST, NEEDS
from reconciler.conformance.table import ROWS
from reconciler.conformance.trial import Court, Terms
from reconciler.conformance.verdict import AGREE, DIFFER, NOT_RUN, Ended, Trial
from reconciler.nostr.filters import Filter
from reconciler.report.codes import Exit
from reconciler.sandbox.faults import Aim
from reconciler.sandbox.server import RunningServer, ServerSpec, start

FEW = ("01-hosted", "01-push-other", "1.3-served", "3.1-roots", "4-force", "6-live")
INSIDE = re.compile(r"\.(other|archive|again|files|seed)\(|\.preset\b")
LATER = re.compile(r"\.later\(([\d_]+)\)")
BY_CHANCE = {"4-delete-branch", "4-delete-tag"}
"""They need the server's files only where a ref is gone by itself."""


@contextmanager
def serving(folder: Path, family: str = "spec", **options: Any) -> Iterator[RunningServer]:
    server = start(ServerSpec(name=family, directory=folder / family, family=family, **options))
    try:
        yield server
    finally:
        server.kill()


def hold(
    url: str,
    folder: Path,
    names: tuple[str, ...] = FEW,
    say: Callable[[int], None] = lambda _: None,
    **terms: Any,
) -> Trial:
    more: dict[str, Any] = {"family": "spec", "jobs": 2, "row_seconds": 15.0, **terms}
    court = Court(terms=Terms(url=url, **more), folder=folder, say=say)
    return court.hold([ROWS[name] for name in names])


def call(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["conformance", *words], prog_name="reconcile")
    return done.exit_code, done.stdout, done.stderr


def test_a_server_of_the_family_agrees_and_is_left_without_our_events(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        trial = hold(server.url, tmp_path)
        left = [event for event in server.events(Filter()) if event.kind != 5]
    assert {row.id: row.verdict for row in trial.rows} == dict.fromkeys(FEW, AGREE)
    assert (trial.ended, trial.kept) == (Ended.AGREES, 0)
    assert trial.named > len(FEW)
    assert left == []


def test_a_server_of_another_family_differs_with_both_values(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        trial = hold(server.url, tmp_path, ("1.3-served", "01-hosted"), family="khatru")
    (served,) = [row for row in trial.rows if row.id == "1.3-served"]
    assert (served.verdict, served.expected, served.seen) == (DIFFER, "True", "False")
    assert trial.ended is Ended.DIFFERS
    assert "expected True" in show.text(trial)


def test_what_needs_an_inside_view_is_not_run_and_says_what_it_needs(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        trial = hold(server.url, tmp_path, ("01-hosted", "4-nothing-kept", "1.3-soft"))
    why = {row.id: row.why for row in trial.rows if row.verdict == NOT_RUN}
    assert why == {
        "4-nothing-kept": "needs the server's files",
        "1.3-soft": "needs a clock that can be moved",
    }


@pytest.mark.parametrize("name", rows.NAMES)
def test_needs_are_those_of_the_probe(name: str) -> None:
    text = inspect.getsource(ROWS[name].probe)
    waits = sum(int(found) for found in LATER.findall(text))
    assert bool(INSIDE.search(text)) is (name in NEEDS and NEEDS[name] != NEEDS["1.3-soft"])
    assert (waits > 130 or name == "2.2-tie") is (NEEDS.get(name) == NEEDS["1.3-soft"])
    assert (30 < waits <= 130 and name not in NEEDS) is (name in FIRST)


def test_needs_name_rows_that_are_there() -> None:
    assert {*NEEDS, *FIRST, *LAST} <= set(ROWS)


def test_a_server_that_is_down_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        trial = hold(f"http://127.0.0.1:{nobody.getsockname()[1]}", tmp_path)
    assert (trial.ended, trial.rows) == (Ended.DOWN, ())


def test_a_relay_that_hosts_nothing_is_no_grasp_server(tmp_path: Path) -> None:
    with serving(tmp_path, grasp=False) as relay:
        trial = hold(relay.url, tmp_path)
    assert (trial.ended, trial.rows) == (Ended.NO_GRASP, ())
    assert trial.detail


def test_a_server_that_stops_hosting_half_way_is_given_up(tmp_path: Path) -> None:
    names = tuple(n for n in rows.NAMES if n not in (*NEEDS, *LAST, *FIRST))[:40]
    with serving(tmp_path) as server:

        def worsen(done: int) -> None:
            if done == 3:
                server.faults.set("http-403")

        trial = hold(server.url, tmp_path, names, worsen)
    assert trial.ended is Ended.CHANGED
    assert len(trial.rows) == len(names)
    assert trial.counts()[NOT_RUN] > 20
    assert trial.counts()[DIFFER] == 0


def test_a_server_that_dies_half_way_is_waited_for_and_given_up(tmp_path: Path) -> None:
    names = tuple(n for n in rows.NAMES if n not in (*NEEDS, *LAST, *FIRST))[:40]
    with serving(tmp_path) as server:

        def vanish(done: int) -> None:
            if done == 3:
                server.faults.set("refuse")

        trial = hold(server.url, tmp_path, names, vanish, back_seconds=2.0)
    assert trial.ended is Ended.GONE
    assert trial.counts()[NOT_RUN] > 20
    assert trial.counts()[DIFFER] == 0
    assert any(row.why == "it was under way when the server went" for row in trial.rows)


def test_rows_under_way_while_a_server_starts_anew_are_not_run_and_the_others_are(
    tmp_path: Path,
) -> None:
    names = tuple(n for n in rows.NAMES if n not in (*NEEDS, *LAST, *FIRST))[:40]
    with serving(tmp_path) as server:

        def blink(done: int) -> None:
            if done == 3:
                server.faults.set("refuse", Aim(seconds=2.0))

        trial = hold(server.url, tmp_path, names, blink, back_seconds=20.0)
    counts = trial.counts()
    assert (trial.ended, counts[DIFFER]) == (Ended.AGREES, 0)
    assert 0 < counts[NOT_RUN] < 20 < counts[AGREE]


def test_a_budget_is_obeyed_and_the_time_of_all_is_bounded(tmp_path: Path) -> None:
    """ngit-relay takes 15 events, then one a minute: nearly all rows must wait in vain."""
    names = tuple(n for n in rows.NAMES if n not in (*NEEDS, *LAST, *FIRST))[:30]
    with serving(tmp_path, "ngit-relay", rate_limits=True) as server:
        began = time.monotonic()
        trial = hold(server.url, tmp_path, names, family="ngit-relay", row_seconds=4.0, seconds=8.0)
        seconds = time.monotonic() - began
    waited = [row for row in trial.rows if "budget" in row.why]
    assert waited
    assert any("are over" in row.why for row in trial.rows)
    assert seconds < 30


def test_a_server_that_never_answers_ends_within_bounds(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        threading.Thread(target=silent.accept, daemon=True).start()
        trial = hold(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
    assert trial.ended is Ended.DOWN


def test_an_interrupted_trial_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        argv = [sys.executable, "-m", "reconciler", "conformance", server.url, "--only", "2.1-*"]
        run = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not server.events(Filter()):
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        began = time.monotonic()
        run.communicate(timeout=60)
        seconds = time.monotonic() - began
    assert run.returncode == Exit.INTERRUPTED
    assert seconds < 10


def test_somebody_elses_server_needs_the_word_that_it_is_ones_own() -> None:
    for url in ("https://git.example.org", "http://10.0.0.1", "http://127.0.0.1.example.org"):
        code, _, err = call(url)
        assert (code, "--i-own" in err) == (64, True)


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_the_command_prints_every_form(tmp_path: Path, form: str) -> None:
    with serving(tmp_path) as server:
        code, out, _ = call(
            server.url, "--only", "01-hosted", "--only", "5-soft*", "--format", form
        )
    assert code == Ended.AGREES
    assert "01-hosted" in out
    if form == "json":
        found = json.loads(out)
        assert [row["verdict"] for row in found["rows"]] == ["agree", "agree"]
        assert (found["ended"], found["counts"]["percent"]) == ("agrees", 100.0)


def test_a_servers_words_cannot_command_the_terminal(tmp_path: Path) -> None:
    trial = Trial(url="http://x", family="spec", software="\x1b[2J", ended=Ended.NO_GRASP,
                  detail="::error::\x1b]0;")  # fmt: skip
    for form in (show.text, show.markdown, show.document):
        assert "\x1b" not in form(trial)
