"""What bounds the sandbox's servers, besides what a family sets (`family`) and what holds for the
whole house (`reconciler.limits`): sizes, counts and times, with their unit and why.
"""

from typing import Final

# --- purgatory -------------------------------------------------------------------------------
PARKED: Final = 10_000
"""Entries of one kind that wait for git data; one more pushes the oldest out. About four times the
announcements that the largest known server has."""
PARKED_ANNOUNCEMENTS: Final = 200
"""Announcements of one author that wait: each has a bare repository on disk. A person who moves to
a new server announces some dozens."""
PARKED_EACH: Final = 1_000
"""States of one author that wait, and pull requests; and commits that wait in one owner's
repositories for their pull request."""
PARKED_EXPIRED: Final = 10_000
"""Ids of events that expired without git data, so that sync does not bring them in again; 1 MB."""

# --- the hunt for git data -------------------------------------------------------------------
HUNT_EXPIRY_SECONDS: Final = 1800.0
"""How long git data is looked for after the latest event: as long as purgatory keeps it."""
HUNTS: Final = 10_000
"""Repositories that git data is looked for at the same time; one more pushes the oldest out."""

# --- work ------------------------------------------------------------------------------------
WORKERS: Final = 32
"""Threads of one server; they wait for SQLite or git, so there may be more than processors."""
FETCHES: Final = 8
"""upload-pack children at a time: each may take CHILD_WALL_SECONDS and pack a whole repository."""
INLINE_BYTES: Final = 64 * 2**10
"""Messages up to this size are read in the event loop, which takes about a millisecond; larger ones
in a thread, so that nobody waits for them."""

# --- memory ----------------------------------------------------------------------------------
LIVE_EVENTS: Final = 1024
"""Live messages that may wait for a slow client; later ones are lost to it, as on real relays."""
NEG_SESSIONS: Final = 16
"""Open NIP-77 conversations of one connection; a snapshot of 100,000 events takes about 16 MB."""
NEG_IDLE_SECONDS: Final = 60.0
"""A NIP-77 conversation that rests longer is forgotten, with its snapshot."""
KNOWN_TEXTS: Final = 4_096
"""Verified texts that are remembered, of all stores in this process together: with KNOWN_CHARS, 16
MB at most."""
KNOWN_CHARS: Final = 4 * 2**10
"""Longer texts are verified each time: large states would fill the memory."""
LABELS: Final = 500
"""Names of one kind that metrics tell apart: somebody's announcements choose relays and domains,
and each one is a time series for ever."""
JOURNAL_DEPTH: Final = 10
"""Levels of nesting in an entry of the journal: an event needs 4, what stands round it 2."""
