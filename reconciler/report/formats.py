"""Every form that a run can be shown in: one row each. A new one is a new file and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.report import html, junit, machine, markdown, terminal
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


FORMATS: Mapping[str, Format] = {
    "text": Format(terminal.plan, terminal.outcome, follows=True),
    "markdown": Format(markdown.plan, markdown.outcome),
    "html": Format(html.plan, html.outcome, remembers=True),
    "junit": Format(junit.plan, junit.outcome),
    "json": Format(machine.plan, machine.outcome),
}
