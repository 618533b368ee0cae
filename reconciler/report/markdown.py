"""Plan and outcome as Markdown, for a pull request or a CI summary. Foreign text stands in code
spans only, where `@team`, links, images and HTML mean nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.report.look import Look
from reconciler.report.marks import COLUMNS
from reconciler.report.room import ALL, Room, fitted
from reconciler.report.safe import safe
from reconciler.report.story import Story
from reconciler.report.view import PlanView
from reconciler.report.words import plural

COMMENT_CHARS = 60_000
"""Code hosts refuse comments of more than 65,536 characters."""


def plan(view: PlanView, look: Look) -> str:
    """The plan, at most COMMENT_CHARS long; never without its counts and digest."""
    return _fitted("plan", look, view=view)


def outcome(story: Story, look: Look) -> str:
    """The outcome, at most COMMENT_CHARS long; never without its counts."""
    return _fitted("outcome", look, story=story)


def _fitted(template: str, look: Look, **shown: object) -> str:
    """The fullest form that fits: first -v is given up, then names, then lines, the grave last."""
    found = _ENVIRONMENT.get_template(f"{template}.md.j2")

    def draw(room: Room) -> str:
        # no foreign text holds a line feed (`safe`), so that these are the templates' own
        text = found.render(room=room, columns=COLUMNS, **shown)
        return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"

    first = [Room(details=True)] if look.verbose else []
    first += [Room(names=names) for names in (ALL, 100, 20, 3)]
    return fitted(draw, lambda text: len(text) <= COMMENT_CHARS, first)


def code(text: str) -> str:
    """A code span that the text cannot break out of (CommonMark 6.1)."""
    shown = safe(text, _SPAN_CHARS)
    ticks = max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1
    fence = "`" * ticks
    pad = " " if ticks > 1 or shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


_SPAN_CHARS = 1_000
"""Characters of one code span. Names have a span each, so that none is cut in mid-word."""


def _cell(text: str) -> str:
    """A code span within a table, where only `|` would end it (GitHub's tables extension)."""
    return code(text).replace("|", "\\|")


def _named(names: Sequence[str], most: int) -> str:
    shown = ", ".join(map(code, names[:most]))
    left = len(names) - most
    if left <= 0:
        return shown
    return f"{shown} and {left} more" if shown else plural(len(names), "repository")


def _glance(names: Sequence[str], most: int = 1) -> str:
    """A head of the glance: a name, and how many are like it."""
    left = len(names) - most
    return ", ".join(map(_cell, names[:most])) + (f" and {left} alike" if left > 0 else "")


def _environment() -> Environment:
    # autoescape is for HTML; in Markdown every foreign text goes through `code` instead
    environment = Environment(
        loader=PackageLoader("reconciler.report", "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters |= {"code": code, "cell": _cell, "named": _named}
    environment.filters |= {"plural": plural, "glance": _glance}
    return environment


_ENVIRONMENT = _environment()
