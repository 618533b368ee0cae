"""Rows that no stranger can run, and what they lack; and rows that are run last, by themselves."""

from __future__ import annotations

from typing import Final

CLOCK: Final = "a clock that can be moved"
SECOND: Final = "a second server of the family, started for the row"
ARCHIVE: Final = "a second server, as an archive (GRASP-05)"
FILES: Final = "the server's files"
RESTART: Final = "to start the server again"

NEEDS: Final[dict[str, str]] = {
    "01-nostr-expires": CLOCK,
    "01-purgatory-ends": CLOCK,
    "1.1-case": SECOND,
    "1.3-forgotten": CLOCK,
    "1.3-head": FILES,
    "1.3-later": SECOND,
    "1.3-parked-again": CLOCK,
    "1.3-returns": CLOCK,
    "1.3-soft": CLOCK,
    "1.4-start": RESTART,
    "2.1-no-d": SECOND,  # some do not survive it
    "2.2-lost-data": FILES,
    "2.2-restart": RESTART,
    "2.2-tie": CLOCK,  # sixteen waits of a minute
    "3.2-active": SECOND,
    "3.2-merged": CLOCK,
    "4-nothing-kept": FILES,
    "4.1-hunted": SECOND,
    "4.1-stored-state": FILES,
    "4.2-archived": ARCHIVE,
    "4.2-read-only": ARCHIVE,
    "4.2-read-only-listed": ARCHIVE,
    "5-grasps": ARCHIVE,
    "6-connections": SECOND,
    "6-event-burst": SECOND,  # it uses up a budget that other clients of the server share
    "6-event-payer": SECOND,
    "6-event-refill": SECOND,
    "6-req": SECOND,
    "6-sub-second": SECOND,
}
"""Row id to what it needs beside the wire."""
FIRST: Final = (
    "2.1-other-owners",
    "1.4-coupled",
    "2.1-parts",
    "2.1-rewind",
    "2.1-stranger-moves",
    "2.2-older-other",
    "01-align",
    "2.1-released",
    "2.2-oldest-first",
    "3.2-event-first",
    "3.2-update",
    "3.3-waiting-pull",
    "4.1-seeded",
)
"""Rows that wait for half a minute or longer: the others fill the time."""
LAST: Final = ("6-subscriptions", "6-message-size")
"""Rows that some server did not survive."""
