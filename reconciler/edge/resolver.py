"""Names to addresses, in bounded time.

The system's resolver has no time-out of its own that a program may set, and a call to it cannot be
ended. So each name is asked for by a thread that nobody has to wait for; a name whose answer did
not come in time has none for the rest of the run.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from threading import Event, Lock, Thread

from reconciler.limits import RESOLVE_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

Resolve = Callable[[str], list[str]]
"""A host's addresses, as text. Raises OSError or UnicodeError."""


def system(host: str) -> list[str]:
    """Ask the system (getaddrinfo)."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


class Resolver:
    """One for a run; safe between threads."""

    def __init__(self, resolve: Resolve = system, seconds: float = RESOLVE_SECONDS) -> None:
        """Args: what resolves, and seconds that it may take for one name."""
        self._resolve = resolve
        self._seconds = seconds
        self._asked: dict[str, _Question] = {}
        self._lock = Lock()

    def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host, each once, in the system's order. Raises Failure."""
        with self._lock:
            question = self._asked.get(host)
            if question is None:
                question = self._asked[host] = _Question(self._resolve, host)
        if not question.ended.wait(0 if question.late else self._seconds):
            question.late = True
            raise Failure(Unknown(Cause.RESOLVE, f"{host}: no answer in {self._seconds:.0f} s"))
        with self._lock:  # it may be another one in a moment
            self._asked.pop(host, None)
        return question.answer()


class _Question:
    """One name, asked for in a thread of its own."""

    def __init__(self, resolve: Resolve, host: str) -> None:
        self.ended = Event()
        self.late = False
        self._resolve = resolve
        self._host = host
        self._found: tuple[str, ...] = ()
        self._fault: Unknown | None = None
        Thread(target=self._ask, daemon=True).start()

    def answer(self) -> tuple[str, ...]:
        """Once it has ended. Raises Failure."""
        if self._fault:
            raise Failure(self._fault)
        return self._found

    def _ask(self) -> None:
        try:
            self._found = tuple(dict.fromkeys(self._resolve(self._host)))
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no such name"
            self._fault = Unknown(Cause.RESOLVE, f"{self._host}: {reason.lower()}")
        finally:
            self.ended.set()
