"""Every form that a run can be shown in: one row each. A new one is a new file and a row here.

The table is read before anybody knows what is to be shown, so that a row names its file, and what
that file needs is loaded when it shows something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from reconciler.report.look import Look
    from reconciler.report.story import Story
    from reconciler.report.view import PlanView


@dataclass(frozen=True, slots=True)
class Format:
    """Two renderers: pure functions from what is to be shown to text.

    A format tells one thing a run: the plan, or with `--apply` the outcome. One that `follows` the
    run shows the plan before anything is written, and then the outcome. One that `remembers` shows
    earlier runs too.
    """

    plan: Callable[[PlanView, Look], str]
    outcome: Callable[[Story, Look], str]
    follows: bool = False
    remembers: bool = False


class _File(Protocol):
    """What a module of this package has when it renders."""

    def plan(self, view: PlanView, look: Look) -> str: ...
    def outcome(self, told: Story, look: Look) -> str: ...


def _of(name: str, *, follows: bool = False, remembers: bool = False) -> Format:
    """The renderers of `report/<name>.py`."""

    def file() -> _File:
        return cast("_File", import_module(f"reconciler.report.{name}"))

    return Format(
        lambda view, look: file().plan(view, look),
        lambda told, look: file().outcome(told, look),
        follows,
        remembers,
    )


FORMATS: Mapping[str, Format] = {
    "text": _of("terminal", follows=True),
    "markdown": _of("markdown"),
    "html": _of("html", remembers=True),
    "junit": _of("junit"),
    "json": _of("machine"),
}
