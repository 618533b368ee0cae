"""What one server's parts tell each other: an event is served, something began to wait.

Told in any thread, heard in the server's event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from reconciler.nostr.event import Event

T = TypeVar("T")


class News:
    """Those who listen are added in the loop, or before it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.on_served: list[Callable[[Event], None]] = []
        self.on_parked: list[Callable[[str], None]] = []

    def served(self, event: Event) -> None:
        """An event is new and served."""
        for listener in self.on_served:
            self._soon(listener, event)

    def parked(self, identifier: str) -> None:
        """Something of this identifier went into purgatory."""
        for listener in self.on_parked:
            self._soon(listener, identifier)

    def _soon(self, listener: Callable[[T], None], what: T) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(listener, what)
