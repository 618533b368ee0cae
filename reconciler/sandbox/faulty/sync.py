"""A server that promises to sync, and does so in part or not at all."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from reconciler.sandbox.faults import Faults, Stage


def gate(faults: Faults) -> Callable[[str], bool]:
    """Does what the server would fetch come? What is passed by once is so every time: its name
    decides. It is struck as `EVENT <kind> <id>`, and git data as `FETCH <identifier>`."""

    def comes(name: str) -> bool:
        fault = faults.strike(Stage.SYNC, message=name)
        return fault is None or sha256(name.encode()).digest()[0] * 100 < fault.value * 256

    return comes
