"""What a server with sync does by itself, and when (GRASP-02)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """Times in seconds."""

    client_seconds: float = 180.0
    """From a client's event that lacks git data to the hunt for it, because a push is expected to
    follow."""
    created_seconds: float = 180.0
    """From a new announcement to the same, where states do not wait."""
    every_seconds: float | None = None
    """For all states that are served, again and again; None: never."""
    host_starts: int | None = 30
    """Fetches a minute from one host; None: any number."""
    follows: bool = True
    """Events are read, too, from the relays that its announcements list; otherwise only from one
    that it was told to follow."""
    batch_seconds: float = 0.0
    """What was stored is gathered for so long before more is asked because of it: the conversation
    of a new repository, the answers to a new issue."""
