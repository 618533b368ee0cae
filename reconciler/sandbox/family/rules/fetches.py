"""When a server with sync looks for git data by itself (GRASP-02)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchRules:
    """Times in seconds."""

    client_seconds: float = 180.0
    """After a client's event that lacks some, because a push is expected to follow."""
    created_seconds: float = 180.0
    """After a new announcement, where states do not wait."""
    every_seconds: float | None = None
    """For all states that are served, again and again; None: never."""
