"""What one client may ask of a server, as data: rates, and sizes. Pure.

A server that names its own limits (NIP-11), or refuses below these, is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil


class Per(Enum):
    """Whose budget it is."""

    CONNECTION = "one WebSocket"
    ADDRESS = "all that comes from one IP address"
    AUTHOR = "one public key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many at once, and so many more every step. Whatever is sent costs one, also what is
    refused for another reason or is there already."""

    each: Per
    burst: int
    """So many of a full budget."""
    refill: int
    """So many more every `seconds`, up to `burst`."""
    seconds: float
    """The length of one step."""
    restarts: bool = False
    """Each one that passes starts the step anew: only whole steps without any count, and a wait
    pays for one less than its steps."""

    def wait(self, count: int) -> float:
        """Seconds after which an empty budget pays for so many at once, at most `burst` of them."""
        steps = ceil(min(count, self.burst) / self.refill)
        return self.seconds * (steps + self.restarts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What a family bears of one client; None: no bound is known."""

    events: Rate | None = None
    """Events; beyond it OK is false and its message begins with `rate-limited:` (NIP-01)."""
    repositories: Rate | None = None
    """Announcements that make a repository. Beyond it the OK is still true, and git answers 404."""
    subscriptions: int | None = 500
    """Questions of one connection that are open at the same time."""
    message_bytes: int | None = None
    """One WebSocket message; a larger one ends the connection."""
    content_bytes: int | None = None
    """`content` of an event that its store can hold."""
    push_bytes: int | None = None
    """The body of a push; a larger one is answered with 413."""
    push_objects: int | None = None
    """Objects in the pack of a push."""
