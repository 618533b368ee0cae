"""What one call of the program was asked for, resolved from flags and environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from reconciler.pipeline import Options


class Out(Console):
    """stdout. A reader who leaves early (`| head`) changes nothing about the run."""

    def on_broken_pipe(self) -> None:
        """Whatever comes now goes nowhere, Python's own last flush too."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(frozen=True)
class Session:
    """`apply` None means plan only; `saved` is the plan to apply, if one was given."""

    file: Path
    apply: bool
    saved: Path | None
    out: Path | None
    keys: Path | None
    format: str
    report_dir: Path
    state_dir: Path
    detailed_exitcode: bool
    exit_zero_on: tuple[int, ...]
    verbose: bool
    options: Options
    stdout: Console = field(default_factory=lambda: Out(highlight=False))
    stderr: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def say(self, text: str) -> None:
        """One message for people, on stderr; `text` is safe already."""
        self.stderr.print(text, markup=False, soft_wrap=True)


def resolve(given: dict[str, Any]) -> Session:
    """From the parsed flags."""
    saved = given["apply"]
    state = given["state_dir"] or _state_dir()
    options = Options(
        write=saved is not None,
        accept=tuple(given["accept"]),
        limit=tuple(given["limit"]),
        shard=given["shard"],
        forks=given["forks"],
    )
    return Session(
        file=given["file"],
        apply=saved is not None,
        saved=None if saved in (None, Path()) else saved,
        out=given["out"],
        keys=given["keys"],
        format=given["format_"],
        report_dir=given["report_dir"],
        state_dir=state.absolute(),
        detailed_exitcode=given["detailed_exitcode"],
        exit_zero_on=given["exit_zero_on"],
        verbose=given["verbose"],
        options=options,
    )


def _state_dir() -> Path:
    """systemd's StateDirectory, then the XDG base directory."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":", maxsplit=1)[0])
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "grasp-reconciler"
