"""All rows, from all sections."""

from __future__ import annotations

from typing import Final

from . import (
    rows_announcements,
    rows_events,
    rows_git,
    rows_grasp01,
    rows_limits,
    rows_relay,
    rows_states,
)
from .table import ROWS

SECTIONS: Final = (
    rows_grasp01,
    rows_announcements,
    rows_states,
    rows_events,
    rows_git,
    rows_relay,
    rows_limits,
)
NAMES: Final = tuple(ROWS)
