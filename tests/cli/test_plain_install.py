"""`pip install .` without extras: a job has all it needs, and the sandbox says what it lacks."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.kit.program import Case

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, what `dependencies` brings, and nothing else that is here."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "reconciler").symlink_to(ROOT / "reconciler")
    (folder / "grasp_reconciler_schemas").symlink_to(ROOT / "schemas")
    for name in _closure(PROJECT["dependencies"]):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            link = folder / top
            if not link.exists():
                link.symlink_to(str(found.locate_file(top)))
    return folder


def _closure(wanted: list[str]) -> set[str]:
    """The distributions that these requirements bring, extras left out."""
    seen: set[str] = set()
    waiting = [Requirement(text) for text in wanted]
    while waiting:
        one = waiting.pop()
        applies = one.marker is None or one.marker.evaluate({"extra": ""})
        if applies and one.name not in seen:
            seen.add(one.name)
            waiting += [Requirement(text) for text in distribution(one.name).requires or ()]
    return seen


def run(plain: Path, folder: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """The program in an interpreter that sees only that folder (-S: no site-packages)."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "reconciler", *map(str, args)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(plain)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_job_validates_plans_applies_and_reports(plain: Path, case: Case) -> None:
    case.start("alpha", "beta")
    case.repository("widget", on=["alpha"])
    case.desired()
    assert run(plain, case.folder, "validate").returncode == 0
    shown = run(plain, case.folder, "--plan", "--format", "markdown")
    assert (shown.returncode, "widget" in shown.stdout) == (0, True), shown.stderr
    done = run(plain, case.folder, "--apply", "--keys", case.folder / "keys")
    assert done.returncode == 0, done.stderr
    assert (case.folder / "reports" / "latest.json").exists()
    assert case.refs("beta", "widget") == case.refs("alpha", "widget") != {}


@pytest.mark.parametrize("words", [["sandbox"], ["sandbox", "serve", "spec", "--port", "0"]])
def test_the_sandbox_says_in_one_sentence_what_to_install(
    plain: Path, tmp_path: Path, words: list[str]
) -> None:
    done = run(plain, tmp_path, *words)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.splitlines() == [
        "Error: sandbox needs an extra: pip install 'grasp-reconciler[sandbox]', "
        "or '.[sandbox]' in a checkout"
    ]


def test_help_lists_the_sandbox_all_the_same(plain: Path, tmp_path: Path) -> None:
    done = run(plain, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert "sandbox" in done.stdout
    assert "validate" in done.stdout
