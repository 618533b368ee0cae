"""Plan and outcome as one HTML page that needs nothing else: no file, no server, no network. Pure.

The page may run its own script and style only, known by their hashes (CSP), and fetch nothing.
What strangers named stands in a block of JSON, from which the script makes text and never markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.model.outcome import Recap
from reconciler.nostr.strictjson import Json
from reconciler.report import page
from reconciler.report.look import Look
from reconciler.report.marks import COLUMNS
from reconciler.report.story import Story
from reconciler.report.view import PlanView

_LOADER = PackageLoader("reconciler.report", ".")
_HARMLESS = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def plan(view: PlanView, look: Look) -> str:
    """The plan as a page."""
    del look
    return _page("plan", page.of_plan(view), ())


def outcome(story: Story, look: Look) -> str:
    """The outcome as a page."""
    del look
    return _page("outcome", page.of_outcome(story), story.recap)


def _page(kind: str, data: Json, recap: Sequence[Recap]) -> str:
    style, script = _source("page.css"), _source("page.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            kind=kind,
            data=data,
            recap=recap,
            columns=COLUMNS,
            style=style,
            script=script,
            json=json.dumps(data, separators=(",", ":")).translate(_HARMLESS),
            policy=(
                f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
                "base-uri 'none'; form-action 'none'"
            ),
        )
    )


def _hash(text: str) -> str:
    """How a Content-Security-Policy names a script or a style (CSP 3, hash-source)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=_LOADER,
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _source(name: str) -> str:
    return _LOADER.get_source(_environment(), name)[0]
