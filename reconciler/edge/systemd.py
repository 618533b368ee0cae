"""What a service tells systemd (sd_notify(3)): that it is ready, reloads, ends, and still works."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def tell(*lines: str) -> None:
    """Send `NAME=value` lines; nothing where no service manager listens."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.sendto("\n".join(lines).encode(), address)


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear from us: half of its patience. None: it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(os.environ.get("WATCHDOG_USEC", "")) / 2_000_000
    except ValueError:
        return None
