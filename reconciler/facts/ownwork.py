"""What a server does by itself, as data: when one may expect what nobody sent. Pure.

None of it is promised: a server may be switched so, cut off, or stuck. What has not come in time is
sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Aligns(Enum):
    """What the arrival of a state does to refs, before any push."""

    NEVER = "nothing"
    DROPS = "refs that it does not name go, a moment after the OK"
    FOLLOWS = "refs and HEAD follow it, where one repository of the server holds all its objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetches:
    """Git data from the other http(s) clone URLs of an identifier's announcements. Seconds."""

    sent: float
    """After a state that a client sent: it may be about to push."""
    made: float | None = None
    """After the announcement that made the repository, where its state is there by then."""
    every: float | None = None
    """For all states, again and again."""
    a_minute: int | None = None
    """Fetches from one host; those that bring nothing count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """Proactive sync (GRASP-02): one accepted announcement, even in purgatory, makes the server
    read the relays that it lists. It takes every announcement there that lists it, their states,
    their git data at once, and their conversation. Seconds."""

    seconds: float
    """Until all of a few repositories is there."""
    a_minute: int
    """Repositories, by the fetches from one host."""

    def within(self, repositories: int) -> float:
        """How long so many may take. Measured: 20 with 1,000 issues 20, 88 with 264 issues 211."""
        return self.seconds + 60.0 * repositories / self.a_minute


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWork:
    """What a family does by itself; None: it does not."""

    aligns: Aligns = Aligns.FOLLOWS
    fetches: Fetches | None = None
    follows: Follows | None = None
    """Where a listed relay serves the state, the announcement alone is to be sent: a state that
    comes from a client waits for `fetches.sent`, one that is read from a relay does not."""
