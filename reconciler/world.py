"""What the stages may ask of the outside: a few narrow ends, implemented in `edge` and `sign`.

Every method either answers completely or raises `Failure`; there is no partial answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.errors import ReconcileError
from reconciler.git.receive_pack import RefUpdate
from reconciler.model.observed import (
    Absent,
    Ancestry,
    BadSource,
    Cause,
    Listing,
    Memory,
    Seen,
    Unknown,
)
from reconciler.nostr.event import Draft, Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Ok
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate


class Failure(ReconcileError):
    """Something could not be learnt or done; `unknown` says what kind of failure it was. `until` is
    the time, in seconds since 1970, from which it makes sense again, where that is known."""

    def __init__(self, unknown: Unknown, until: int | None = None) -> None:
        super().__init__(str(unknown))
        self.unknown = unknown
        self.until = until


class NotNow(Failure):
    """A limit: nothing was sent before `until`."""

    def __init__(self, detail: str, until: int) -> None:
        super().__init__(Unknown(Cause.RATE, detail), until)


class NotGathered(Failure):
    """Objects could not be had. `bad` are the sources that failed, in the order of asking; the
    others do not offer them."""

    def __init__(self, missing: int, bad: tuple[BadSource, ...]) -> None:
        reason = "; ".join(map(str, bad)) or "no server offers it"
        detail = f"{missing} objects could not be fetched ({reason})"
        super().__init__(Unknown(Cause.INCOMPLETE, detail))
        self.bad = bad


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to, as the server says it or shows it.

    `sent` False: the refs were so already. `refused` pairs ref names with the server's reasons;
    `words` are what it said besides.
    """

    sent: bool
    refused: tuple[tuple[str, str], ...] = ()
    words: str = ""


class Relay(Protocol):
    """One open conversation with a relay; safe to share between threads."""

    def query(self, filters: Sequence[Filter]) -> tuple[Event, ...]:
        """All events that match any filter, verified, paged until exhausted. Raises Failure.

        The failure is `Cause.INCOMPLETE` where the relay may hold more than it showed.
        """

    def publish(self, events: Sequence[Event]) -> tuple[Ok | Unknown, ...]:
        """Send events in order; one answer each, in the same order: the relay's OK, or why there is
        none. `STOPPED` and `BUDGET`: it was not sent. Anything else: it may have arrived.

        The server's limits have let them through (`World.afford`).
        """

    def left_out(self) -> tuple[tuple[str, int], ...]:
        """What the relay sent in this run and nobody used: reasons, each with how often, sorted.

        An event that does not verify, or that was not asked for, is left out and costs the answer
        nothing else: whoever can write to a relay can put one there.
        """


class World(Protocol):
    """The fleet, the local archive and the clock."""

    def now(self) -> int:
        """Seconds since 1970."""

    def seconds(self) -> float:
        """A clock for durations, in seconds; never goes back."""

    def left(self) -> float:
        """Seconds until this run should end."""

    def obey(self, server: str, most: int, seconds: float, *, lasting: bool) -> None:
        """A server lets `most` events through in any `seconds`. With `lasting` it counts by
        address, so that what earlier runs sent counts too; otherwise by connection."""

    def afford(self, server: str, events: int, *, least: int = 1) -> int:
        """Wait until a server's limits let some of so many events through: how many, and they count
        as sent.

        Args:
            server: its URL.
            events: how many there are to send.
            least: how many must go together; a limit that never lets so many through gives what it
                has.

        Raises:
            NotNow: they do not for so long that a later run should see to it.
            Failure: the run was stopped.
        """

    def limited(self, server: str) -> int:
        """The server said "rate-limited": its budget is used up now. From when (seconds since 1970)
        sending makes sense again."""

    def skew(self, server: str) -> float | None:
        """Seconds that our clock is ahead of a server's, as its answers of this run tell it; None
        where none told. Good to two seconds, and no server is obliged to be right."""

    def info(self, server: str) -> RelayInfo:
        """The NIP-11 document. Raises Failure."""

    def relay(self, server: str) -> Relay:
        """The conversation with this server's relay; opened once a run. Raises Failure."""

    def refs(self, server: str, coordinate: Coordinate) -> Listing | Absent:
        """What info/refs for git-upload-pack answers. Raises Failure."""

    def archived(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """Those object ids that the archive holds with everything they need."""

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[BadSource, ...]:
        """Bring objects, with all that they need, into the archive; the sources that failed.

        Raises:
            NotGathered: some object could not be had.
            Failure: this machine is at fault.
        """

    def keep(self, coordinate: Coordinate, oid: str, sources: tuple[str, ...]) -> None:
        """Bring one object into the archive and hold it there for good. Raises Failure."""

    def ancestry(
        self, coordinate: Coordinate, pairs: tuple[tuple[str, str], ...]
    ) -> tuple[Ancestry, ...]:
        """Of each (old, new) in turn, what the archive knows; changes nothing, raises nothing."""

    def root(self, coordinate: Coordinate, oid: str) -> str | None:
        """The first commit of the main line that leads to this one, by the archive; None: it cannot
        be told."""

    def try_clone(self, server: str, coordinate: Coordinate, oids: frozenset[str]) -> None:
        """Fetch these objects from one server as a clone would, and throw them away.

        Raises:
            Failure: a clone fails, or it could not be tried (`Cause.SKIPPED`, time, or size).
        """

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Pushed:
        """One push, conditional on every `old`; objects come from the archive.

        Without any update it is the empty push, which makes some servers move HEAD.

        Updates that the server already shows are left out; when none remains nothing is sent.

        Raises:
            Failure: it could not be sent, or was refused as a whole.
            Stale: a ref is neither at `old` nor at `new`; nothing was sent.
        """

    def recall(self) -> Memory:
        """What earlier runs remember of servers (local memory)."""

    def remember(self, memory: Memory) -> None:
        """Replace that memory. Raises OSError."""

    def seen(self) -> tuple[Seen, ...]:
        """What earlier runs saw of each repository (local memory)."""

    def note(self, marks: Sequence[Seen]) -> None:
        """Replace that memory."""

    def requested(self) -> tuple[Draft, ...]:
        """What earlier runs asked remote signers to sign, and nobody has answered (local memory);
        a plan that wants the same asks for these very events."""

    def unserved(self) -> tuple[Event, ...]:
        """What was signed here, and no server showed yet (local memory)."""

    def store(self, events: Sequence[Event]) -> None:
        """Replace that memory. Raises OSError."""

    def settle(self, seconds: float) -> None:
        """Wait for servers that work after they have answered."""


class Stale(ReconcileError):
    """A write's precondition no longer holds; nothing was written."""


class Signer(Protocol):
    """Signs drafts with a named key; never shows the key."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the keys are called."""

    def public_key(self, name: str) -> str | None:
        """The hex pubkey of a named key; None when there is no such key."""

    def sign(self, name: str, draft: Draft) -> Event:
        """The signed draft, verified. Raises ReconcileError."""


class Watcher(Protocol):
    """Hears how a long stage goes on; and says when to stop."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def step(self, text: str) -> None:
        """One step is done; `text` says which."""

    def stopped(self) -> bool:
        """Did somebody ask to stop? No new work is begun then."""
