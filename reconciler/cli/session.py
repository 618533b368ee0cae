"""What one call of the program was asked for, resolved from flags and environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from reconciler.cli import streams
from reconciler.model.options import Options
from reconciler.report.look import Look

NOWHERE = Path(os.devnull)
"""The state folder where there is none: nothing can be read or written below it."""


def _stderr() -> Console:
    return Console(file=streams.stderr(), highlight=False)


def _stdout() -> Console:
    def say(text: str) -> None:
        _stderr().print(text, markup=False, soft_wrap=True)

    return Console(file=streams.stdout(say), highlight=False)


@dataclass(frozen=True, kw_only=True)
class Session:
    """`apply` None means plan only; `saved` is the plan to apply, if one was given."""

    file: Path
    apply: bool
    saved: Path | None
    out: Path | None
    base: Path | None
    keys: str | None
    passphrase_fd: int | None
    approval_wait: float
    format: str
    report_dir: Path
    keep: int | None
    saves: tuple[tuple[str, Path], ...]
    metrics: Path | None
    notify: str | None
    state_dir: Path
    detailed_exitcode: bool
    exit_zero_on: tuple[int, ...]
    verbose: bool
    quiet: bool
    duration: float
    options: Options
    stdout: Console = field(default_factory=_stdout)
    stderr: Console = field(default_factory=_stderr)

    def show(self, text: str) -> None:
        """What was asked for, on stdout, as a renderer made it."""
        self.stdout.file.write(text)
        self.stdout.file.flush()

    @property
    def progress(self) -> Console:
        """Where progress is shown."""
        return Console(quiet=True) if self.quiet else self.stderr

    @property
    def look(self) -> Look:
        """How wide and colourful stdout may be."""
        return Look(
            self.stdout.width, self.stdout.is_terminal and not self.stdout.no_color, self.verbose
        )

    def say(self, text: str) -> None:
        """One message for people, on stderr; `text` is safe already."""
        self.stderr.print(text, markup=False, soft_wrap=True)


def resolve(given: dict[str, Any]) -> Session:
    """From the parsed flags."""
    saved = given["apply"]
    state = given["state_dir"] or _state_dir()
    options = Options(
        write=saved is not None,
        still_valid=given["still_valid"],
        accept=tuple(given["accept"]),
        limit=tuple(given["limit"]),
        shard=given["shard"],
        forks=given["forks"],
        deep=given["deep"],
        wait=given["wait"],
    )
    return Session(
        file=given["file"],
        apply=saved is not None,
        saved=None if saved in (None, Path()) else saved,
        out=given["out"],
        base=given["base"],
        keys=given["keys"] or _credential(),
        passphrase_fd=given["passphrase_fd"],
        approval_wait=given["approval_wait"],
        format=given["format_"],
        report_dir=given["report_dir"],
        keep=given["keep"],
        saves=tuple(given["save"]),
        metrics=given["metrics"],
        notify=given["notify"],
        state_dir=state.absolute(),
        detailed_exitcode=given["detailed_exitcode"],
        exit_zero_on=given["exit_zero_on"],
        verbose=given["verbose"],
        quiet=given["quiet"],
        duration=given["max_duration"],
        options=options,
    )


def _credential() -> str | None:
    """The signers file that systemd hands to a unit (LoadCredential=signers:…)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    place = Path(folder) / "signers" if folder else None
    return str(place) if place and place.is_file() else None


def _state_dir() -> Path:
    """systemd's StateDirectory, then the XDG base directory."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":", maxsplit=1)[0])
    if base := os.environ.get("XDG_STATE_HOME"):
        return Path(base) / "grasp-reconciler"
    try:
        return Path.home() / ".local" / "state" / "grasp-reconciler"
    except RuntimeError:  # a user without a home: a plan needs none
        return NOWHERE
