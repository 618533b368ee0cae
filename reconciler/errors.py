"""Whose fault is it? One root, four kinds.

    ReconcileError
    ├── OurFault        a bug here: a broken contract between our own parts
    ├── UserFault       the operator's input; carries every mistake at once, with places
    ├── PeerFault       a server, relay or author sent something that breaks its protocol
    ├── NotSigned       a person elsewhere has not approved a signature, or refused it
    └── NetworkFault    nothing usable arrived: refused, reset, timed out

The text of an error may hold a peer's words; whoever prints it passes it through `report.safe`.
"""

from __future__ import annotations

from dataclasses import dataclass


class ReconcileError(Exception):
    """Root of everything that this program raises on purpose."""


class OurFault(ReconcileError):
    """A contract between our own parts is broken; never caused by input."""


class PeerFault(ReconcileError):
    """A peer broke its protocol (bad signature, bad pkt-line, wrong content type, …)."""


class NotSigned(ReconcileError):
    """Somebody elsewhere has not approved a signature, or refused it; nothing has failed."""


class NetworkFault(ReconcileError):
    """No usable answer: refused, reset, timed out, TLS failure."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with what the user wrote, where it stands, and what to do.

    `line` and `column` count from 1; 0 means that the place is the file as a whole.
    """

    place: str
    message: str
    remedy: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        at = f"{self.place}:{self.line}:{self.column}" if self.line else self.place
        return f"{at}: {self.message}\n    remedy: {self.remedy}"


class UserFault(ReconcileError):
    """The user's input is wrong. `mistakes` holds all of them, never just the first."""

    exit_code = 78

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class KeyFileFault(UserFault):
    """A key file's owner, mode or type would let others read it."""

    exit_code = 77
