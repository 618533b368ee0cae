"""How the words of the command line become values, and a wrong word exit code 64."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from reconciler.report.codes import Exit
from reconciler.report.formats import FORMATS

SETTINGS = {"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "RECONCILE"}
PATH = click.Path(path_type=Path)

_ELSEWHERE = {
    "conformance": "reconciler.cli.conformance:command",
    "explain": "reconciler.cli.explain:command",
    "history": "reconciler.cli.reports:history",
    "merge": "reconciler.cli.merge:command",
    "pair": "reconciler.cli.pair:command",
    "report": "reconciler.cli.reports:command",
    "sandbox": "reconciler.cli.sandbox:command",
    "serve": "reconciler.cli.serve:command",
    "status": "reconciler.cli.reports:status",
    "verify": "reconciler.cli.verify:command",
    "watch": "reconciler.cli.watch:command",
    "validate": "reconciler.cli.validate:command",
}
"""Commands that are loaded when they are called: a plan needs no web server in memory. One whose
libraries are not there needs the extra of its name."""


class Group(click.Group):
    """Usage errors leave with 64 (sysexits), because 2 means "changes are pending"."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Parse and run; click's own exit codes are translated."""
        kwargs["standalone_mode"] = False
        try:
            return super().main(*args, **kwargs)
        except click.exceptions.Abort:
            sys.exit(Exit.INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(Exit.USAGE)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands of this file and those that are loaded later."""
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load what is elsewhere."""
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        try:
            module, _, name = _ELSEWHERE[cmd_name].partition(":")
            command: click.Command = getattr(import_module(module), name)
        except ModuleNotFoundError as missing:
            if (missing.name or "").startswith("reconciler"):
                raise
            return _not_installed(cmd_name)
        return command


def _not_installed(extra: str) -> click.Command:
    """Stands for a command whose libraries are not there, whatever words follow it."""

    @click.command(extra, add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def tell(words: tuple[str, ...]) -> None:
        """Not installed here; call it to see what is missing."""
        del words
        raise click.ClickException(
            f"{extra} needs an extra: pip install 'grasp-reconciler[{extra}]', "
            f"or '.[{extra}]' in a checkout"
        )

    return tell


class Shard(click.ParamType[tuple[int, int]]):
    """`i/n`, counted from 1."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Text to (number, count)."""
        if isinstance(value, tuple):
            return value
        number, _, count = str(value).partition("/")
        if not (
            number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count) <= 1000
        ):
            self.fail(f"{value!r} is not i/n with 1 <= i <= n <= 1000", param, ctx)
        return int(number), int(count)


class Accept(click.ParamType[tuple[str, str]]):
    """`GUARD@DIGEST`: lifts one guard for one plan."""

    name = "GUARD@DIGEST"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Text to (guard, beginning of a digest)."""
        if isinstance(value, tuple):
            return value
        guard, _, theirs = str(value).partition("@")
        guards = import_module("reconciler.guard").GUARDS
        if guard not in guards:
            self.fail(f"{guard!r} is no guard; there are {', '.join(guards)}", param, ctx)
        if len(theirs) < 12 or theirs.strip("0123456789abcdef"):
            self.fail("after @ stands the plan's digest, 12 digits of it at least", param, ctx)
        return guard, theirs


class Save(click.ParamType[tuple[str, Path]]):
    """`FORMAT=FILE`: one more view of the run."""

    name = "FORMAT=FILE"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Path]:
        """Text to (format, path)."""
        if isinstance(value, tuple):
            return value
        form, _, path = str(value).partition("=")
        if form not in FORMATS or not path:
            self.fail(f"{value!r} is not FORMAT=FILE with one of {', '.join(FORMATS)}", param, ctx)
        return form, Path(path)


class SavedPlan(click.ParamType[Path]):
    """A saved plan; `Path()` when --apply stands alone (or RECONCILE_APPLY is 1 or true)."""

    name = "PLAN.json"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        """Text to a path."""
        del param, ctx
        return Path() if str(value).lower() in ("1", "true", "yes") else Path(value)


class Codes(click.ParamType[tuple[int, ...]]):
    """`CODE,…`: exit codes of a run, 1 and usage errors left out."""

    name = "CODE,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Text to codes."""
        if isinstance(value, tuple):
            return value
        allowed = {Exit.FAILED, Exit.GUARD, Exit.STALE_PLAN, Exit.UNKNOWN, Exit.HELD, Exit.BUSY}
        words = str(value).split(",")
        if not all(word.isdecimal() and int(word) in allowed for word in words):
            self.fail(f"only {', '.join(str(int(c)) for c in sorted(allowed))} can be", param, ctx)
        return tuple(map(int, words))


class Duration(click.ParamType[float]):
    """Seconds, or a number with `s`, `m` or `h`."""

    name = "TIME"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Text to seconds."""
        found = re.fullmatch(r"(\d{1,6})([smh]?)", str(value))
        if not found:
            self.fail(f"{value!r} is no time such as 90, 90s, 30m or 2h", param, ctx)
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
