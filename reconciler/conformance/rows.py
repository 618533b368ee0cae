"""All rows, from all sections."""

from __future__ import annotations

from typing import Final

from reconciler.conformance import (
    rows_announcements,
    rows_authorisation,
    rows_authorities,
    rows_deletions,
    rows_events,
    rows_git,
    rows_grasp01,
    rows_identifiers,
    rows_limits,
    rows_listing,
    rows_pulls,
    rows_relay,
    rows_states,
)
from reconciler.conformance.table import ROWS

SECTIONS: Final = (
    rows_grasp01,
    rows_listing,
    rows_announcements,
    rows_identifiers,
    rows_authorities,
    rows_states,
    rows_events,
    rows_pulls,
    rows_deletions,
    rows_git,
    rows_authorisation,
    rows_relay,
    rows_limits,
)
NAMES: Final = tuple(ROWS)
