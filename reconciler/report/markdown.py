"""A plan as Markdown, for a pull request or a CI summary. Foreign text stands in code spans only,
where `@team`, links, images and HTML mean nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.model.outcome import Finding
from reconciler.report.view import PlanView

COMMENT_CHARS = 60_000
"""Code hosts refuse comments of more than 65,536 characters."""


def render(plan: PlanView, findings: Sequence[Finding], *, verbose: bool = False) -> str:
    """The plan as Markdown, at most COMMENT_CHARS long: repositories are left out, from the end,
    before destructive changes, counts or the digest are."""
    limit = len(plan.sections)
    while True:
        text = _TEMPLATE.render(plan=plan, findings=findings, verbose=verbose, limit=limit)
        if len(text) <= COMMENT_CHARS or limit == 0:
            return text
        limit //= 2


def code(text: str) -> str:
    """A code span that the text cannot break out of (CommonMark 6.1)."""
    ticks = max((len(run) for run in re.findall(r"`+", text)), default=0) + 1
    fence = "`" * ticks
    pad = " " if ticks > 1 or text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _environment() -> Environment:
    # autoescape is for HTML; in Markdown every foreign text goes through `code` instead
    environment = Environment(
        loader=PackageLoader("reconciler.report", "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["code"] = code
    return environment


_TEMPLATE = _environment().get_template("plan.md.j2")
