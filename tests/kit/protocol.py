"""docs/protocol.md as tests cite it: sections by number, scenarios and who decides them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
_ROWS = re.findall(r"^\| (\d+) \|.*\| (P?) ?\|$", _TEXT, re.MULTILINE)

SECTIONS: Final = frozenset(re.findall(r"^##+ (\d+(?:\.\d+)?) ", _TEXT, re.MULTILINE))
"""`4.1` and its kin, as headings have them."""
SCENARIOS: Final = frozenset(int(number) for number, _ in _ROWS)
DECIDED: Final = frozenset(int(number) for number, mark in _ROWS if mark)
"""Scenarios that the planner alone decides."""
