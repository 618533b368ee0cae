"""Event kinds by name, and the families that the mirror treats alike."""

from typing import Final

PROFILE: Final = 0
NOTE: Final = 1
DELETION: Final = 5
REACTION: Final = 7
COMMENT: Final = 1111  # NIP-22
PATCH: Final = 1617  # this and the following: NIP-34
PULL_REQUEST: Final = 1618
PULL_REQUEST_UPDATE: Final = 1619
ISSUE: Final = 1621
STATUS_OPEN: Final = 1630
STATUS_APPLIED: Final = 1631
STATUS_CLOSED: Final = 1632
STATUS_DRAFT: Final = 1633
LABEL: Final = 1985  # NIP-32
GRASP_LIST: Final = 10317
ANNOUNCEMENT: Final = 30617
STATE: Final = 30618

STATUSES: Final = (STATUS_OPEN, STATUS_APPLIED, STATUS_CLOSED, STATUS_DRAFT)
ROOTS: Final = (PATCH, PULL_REQUEST, PULL_REQUEST_UPDATE, ISSUE)
"""Events that others hang from; a server must accept them before it accepts their children."""
PULLS: Final = (PULL_REQUEST, PULL_REQUEST_UPDATE)
"""Events with a `c` tag whose commit lives at refs/nostr/<event id>."""
MIRRORED: Final = (*ROOTS, *STATUSES, COMMENT, NOTE, REACTION, LABEL, DELETION)
"""Repository events that `events: {kinds: default}` mirrors, beside announcement and state."""


def is_replaceable(kind: int) -> bool:
    """NIP-01: only the newest of an author counts."""
    return kind in (0, 3) or 10_000 <= kind < 20_000


def is_addressable(kind: int) -> bool:
    """NIP-01: only the newest of an author and `d` tag counts."""
    return 30_000 <= kind < 40_000


def is_ephemeral(kind: int) -> bool:
    """NIP-01: never stored."""
    return 20_000 <= kind < 30_000
