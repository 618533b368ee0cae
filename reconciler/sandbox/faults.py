"""Faults on demand: what a broken server does instead of answering, as data.

A server that is down needs no fault: stop its listener.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reconciler.errors import OurFault


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    `hang`: TCP is accepted and nothing is ever answered. `status`: every HTTP answer, the
    WebSocket upgrade included, has this code. `cut`: the first answer ends in its middle and the
    connection closes.
    """

    name: str
    hang: bool = False
    status: int | None = None
    cut: bool = False


HEALTHY: Final = Fault("")

FAULTS: Final = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            Fault("hang", hang=True),
            Fault("http-500", status=500),
            Fault("ws-cut", cut=True),
        )
    }
)


class Faults:
    """The fault that a server shows now; may be set from any thread (one reference is swapped)."""

    def __init__(self) -> None:
        self._active = HEALTHY

    @property
    def active(self) -> Fault:
        """What is wrong at this moment; `HEALTHY` when nothing is."""
        return self._active

    def set(self, name: str) -> None:
        """Show the fault called `name` from now on.

        Raises:
            OurFault: there is no such fault.
        """
        if name not in FAULTS:
            raise OurFault(f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}")
        self._active = FAULTS[name]

    def clear(self) -> None:
        """Be healthy again."""
        self._active = HEALTHY
