"""The second and third index, of one relay: what is CONFIRMED, and PENDING batches. Pure.

    wanted ─begin─▶ pending (questions outstanding) ─ended × all─▶ confirmed
       ▲                      │ disconnected                         │ disconnected
       ├──────────────────────┴──────────── more than 15 minutes ◀───┤
       └─ disconnected ─ partial (followed; asked for again later) ◀─┘ the relay kept some back

A batch is confirmed as a whole, when the last of its questions has ended; a lost connection takes
its batches back. What is confirmed survives 15 minutes without connection: then only what is newer
than the loss (less a margin) is asked for; after that everything is. A loss is made good when that
has been read to its end, not when a connection stands: until then the same loss counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from reconciler.sandbox.sync.needs import Needs

KEEP_SECONDS: Final = 900.0
"""GRASP-02: how long a disconnected relay's state is kept."""
SINCE_MARGIN: Final = 900
"""Seconds before the loss from which events are asked for again: `since` compares when an event
was signed, and it may have reached the relay later than that."""


class Status(Enum):
    """The connection to a relay."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class Batch:
    """Needs that are being asked for; `outstanding` are the questions that have not ended."""

    needs: Needs
    outstanding: frozenset[str]


class Progress:
    """How far the sync with one relay has come."""

    def __init__(self) -> None:
        self.status = Status.DISCONNECTED
        self.confirmed = Needs()
        self.partial = Needs()
        """Followed live, but the relay kept back some of the history that it named."""
        self.has_announcements = False  # layer 1, which is no batch, was read to its end
        self.lost_at: float | None = None
        self._pending: dict[int, Batch] = {}
        self._number = 0

    @property
    def pending(self) -> tuple[Batch, ...]:
        """The batches under way."""
        return tuple(self._pending.values())

    @property
    def is_whole(self) -> bool:
        """Has the relay kept nothing back of what it named?"""
        return self.has_announcements and not self.partial

    @property
    def unconfirmed(self) -> int:
        """Batches under way, and batches to ask for again."""
        return len(self._pending) + sum(1 for _ in self.partial.batches())

    def connecting(self) -> None:
        """A connection is being made."""
        self.status = Status.CONNECTING

    def connected(self, now: float) -> int | None:
        """A connection stands. Returns the second from which on events are missing; None when
        everything has to be asked for, because nothing is known or it is too long ago."""
        self.status = Status.CONNECTED
        if self.lost_at is None:
            return None
        if now - self.lost_at > KEEP_SECONDS:
            self.confirmed = Needs()
            self.has_announcements = False
            self.lost_at = None
            return None
        return max(0, int(self.lost_at) - SINCE_MARGIN)

    def caught_up(self) -> None:
        """What was missed since the loss has been read to its end."""
        self.lost_at = None

    def disconnected(self, now: float) -> None:
        """The connection is gone, or could not be made; the first loss that is not made good
        counts."""
        if self.status is Status.CONNECTED and self.lost_at is None:
            self.lost_at = now
        self.status = Status.DISCONNECTED
        self._pending.clear()
        self.partial = Needs()

    def missing(self, wanted: Needs) -> Needs:
        """What is wanted and neither confirmed nor under way, nor to be asked for again later."""
        left = wanted - self.confirmed - self.partial
        for batch in self._pending.values():
            left -= batch.needs
        return left

    def begin(self, needs: Needs, questions: Iterable[str]) -> int:
        """Ask for these needs by these questions; the number names the batch."""
        self._number += 1
        self._pending[self._number] = Batch(needs, frozenset(questions))
        return self._number

    def ended(self, number: int, question: str) -> bool:
        """A question of the batch has ended (EOSE, or reconciled). Is the batch confirmed now?

        A batch that a lost connection took back is ignored.
        """
        batch = self._pending.get(number)
        if batch is None:
            return False
        left = replace(batch, outstanding=batch.outstanding - {question})
        if left.outstanding:
            self._pending[number] = left
            return False
        del self._pending[number]
        self.confirmed |= left.needs
        self.partial -= left.needs
        return True

    def doubt(self, needs: Needs) -> None:
        """The relay kept back some of what it named for these: they are not confirmed, and a
        batch that asks for them never will be."""
        self._pending = {n: b for n, b in self._pending.items() if not b.needs & needs}
        self.confirmed -= needs
        self.partial |= needs

    def trim(self, wanted: Needs) -> None:
        """Forget what nobody wants any more, so that this cannot outgrow what is wanted."""
        self.confirmed &= wanted
        self.partial &= wanted
