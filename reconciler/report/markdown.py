"""A plan as Markdown, for a pull request or a CI summary. Foreign text stands in code spans only,
where `@team`, links, images and HTML mean nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.model.outcome import Finding
from reconciler.report.lines import Line
from reconciler.report.safe import safe
from reconciler.report.view import PlanView

COMMENT_CHARS = 60_000
"""Code hosts refuse comments of more than 65,536 characters."""
_SPAN_CHARS = 1_000
"""Characters of one code span: thousands of names may stand on one line."""


def render(plan: PlanView, findings: Sequence[Finding], *, verbose: bool = False) -> str:
    """The plan as Markdown, at most COMMENT_CHARS long.

    What is too much is left out from the end, and says so: first repositories, then servers, holds,
    notes, guards and at last destructive changes; never the counts and the digest.
    """
    limit, shares = len(plan.sections), dict.fromkeys(_SHORTENED, len(_longest(plan, findings)))
    while True:
        shown, some = _shortened(plan, shares, findings), findings[: shares["findings"]]
        text = _TEMPLATE.render(plan=shown, findings=some, verbose=verbose, limit=limit)
        left = [name for name in _SHORTENED if shares[name]]
        if len(text) <= COMMENT_CHARS or not left:
            return text
        if limit:
            limit //= 2
        else:
            shares[left[0]] //= 2


_SHORTENED = ("servers", "holds", "unknown", "notes", "findings", "destructive")
"""Parts that may be cut, the first one first."""


def _longest(plan: PlanView, findings: Sequence[Finding]) -> Sequence[object]:
    parts = (plan.servers, plan.holds, plan.unknown, plan.notes, tuple(findings), plan.destructive)
    return max(parts, key=len)


def _shortened(plan: PlanView, shares: dict[str, int], findings: Sequence[Finding]) -> PlanView:
    unsaid = len(findings) - shares["findings"]
    more = (f"and {unsaid} more guards",) if unsaid > 0 else ()
    return replace(
        plan,
        holds=_cut(plan.holds, shares["holds"]),
        unknown=_cut(plan.unknown, shares["unknown"]),
        destructive=_cut(plan.destructive, shares["destructive"]),
        servers=_cut(plan.servers, shares["servers"]),
        notes=(*plan.notes[: shares["notes"]], *more),
    )


def _cut(lines: tuple[Line, ...], count: int) -> tuple[Line, ...]:
    left = len(lines) - count
    return lines if left <= 0 else (*lines[:count], Line("…", f"and {left} more"))


def code(text: str) -> str:
    """A code span that the text cannot break out of (CommonMark 6.1)."""
    shown = safe(text, _SPAN_CHARS)
    ticks = max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1
    fence = "`" * ticks
    pad = " " if ticks > 1 or shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


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
