"""The runner of `make interop`, tried on servers of our own: real ones are not there in a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SECONDS = 110


def interop(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call it with nothing but this environment."""
    argv = [sys.executable, "-m", "tests.interop", "--out", str(folder / "interop.json"), *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    return subprocess.run(
        argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=_SECONDS, check=False
    )


def embedded(folder: Path, family: str) -> str:
    """A start command for a server of ours."""
    path = folder / f"{family}.sh"
    call = f'{sys.executable} -m reconciler sandbox serve {family} --port "$1" --dir "$2"'
    path.write_text(f"#!/bin/sh\nexec {call}\n")
    path.chmod(0o755)
    return str(path)


def test_without_real_programs_it_says_so_and_leaves_with_2(tmp_path: Path) -> None:
    done = interop(tmp_path)
    assert done.returncode == 2
    assert "GRASP_NGIT_GRASP" in done.stdout
    assert not (tmp_path / "interop.json").exists()


@pytest.mark.long
def test_a_scenario_is_played_judged_and_reported(tmp_path: Path) -> None:
    servers = {
        "GRASP_NGIT_GRASP": embedded(tmp_path, "ngit-grasp"),
        "GRASP_KHATRU": embedded(tmp_path, "khatru"),
    }
    done = interop(tmp_path, "a branch is rewound", "ngit: init*", **servers)
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "interop.json").read_text())
    verdicts = {s["name"]: s["verdict"] for s in report["scenarios"]}
    assert verdicts == {
        "a branch is rewound": "works",
        "ngit: init, reconcile, clone, push": "not run",
    }
    assert report["versions"]["khatru"]
