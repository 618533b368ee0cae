"""What a server was asked to do, so that a test can prove "0 events and 0 pushes"."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields


@dataclass(slots=True, kw_only=True)
class Counters:
    """Plain numbers since the start; `bump` may be called from any thread."""

    events_received: int = 0
    events_accepted: int = 0
    events_stored: int = 0
    pushes_received: int = 0
    pushes_authorised: int = 0
    pushes_refused: int = 0
    info_refs: int = 0
    fetches: int = 0
    reqs: int = 0
    counts: int = 0
    negs: int = 0
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def bump(self, name: str) -> None:
        """Add one to the counter called `name`."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def snapshot(self) -> dict[str, int]:
        """All counters by name, as of one moment."""
        with self._lock:
            return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "_lock"}
