"""The initiator's conversation as NIP-77 messages, still without IO.

    start ──NEG-OPEN──▶ waiting ──NEG-MSG──▶ waiting … ──NEG-MSG──▶ Difference
                           └──NEG-ERR, CLOSED, a NOTICE to the first, silence──▶ Declined

`Declined` is no result: the caller asks with REQ instead, and never reads it as "equal".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.errors import OurFault
from reconciler.limits import NEG_FRAME_BYTES, PEER_TEXT_CHARS
from reconciler.nostr import messages
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Closed, NegErr, NegMsg, Notice, RelayMessage, SentText
from reconciler.nostr.negentropy.items import items
from reconciler.nostr.negentropy.roles import Initiator


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids in hex that only one side has; complete."""

    missing_here: frozenset[str]
    missing_there: frozenset[str]


@dataclass(frozen=True, slots=True)
class Declined:
    """The relay does not reconcile: it cannot, or not this question, or it gave up midway."""

    reason: str


class Dialogue:
    """One conversation under one subscription name. Send what `start` returns, then pass every
    message of the relay to `feed`."""

    def __init__(self, subscription: str, *, frame: int | None = NEG_FRAME_BYTES) -> None:
        self._subscription = subscription
        self._frame = frame
        self._initiator: Initiator | None = None
        self._is_answered = False

    def start(self, wanted: Filter, known: Mapping[str, int]) -> str:
        """NEG-OPEN. `known` gives the created_at of every event here that matches the filter; one
        that does not match would count as missing there."""
        pairs = ((time, event_id) for event_id, time in known.items())
        self._initiator = Initiator(items(pairs), frame=self._frame)
        return messages.neg_open(self._subscription, wanted, self._initiator.start())

    def feed(self, message: RelayMessage | SentText) -> str | Difference | Declined | None:
        """What follows from a message: the next one to send, the end, or None when it has nothing
        to do with this conversation.

        Raises:
            PeerFault: the relay breaks the protocol, or never comes to an end.
        """
        match message:
            case NegMsg(name, payload) if name == self._subscription:
                self._is_answered = True
                return self._take(payload)
            case NegErr(name, reason) | Closed(name, reason) if name == self._subscription:
                return Declined(reason[:PEER_TEXT_CHARS])
            case Notice(text) if not self._is_answered:
                # relays without NIP-77 answer "unknown message" or the like, and name nothing
                return Declined(text[:PEER_TEXT_CHARS])
            case _:
                return None

    def silence(self) -> Declined:
        """The relay has not answered in time."""
        return Declined("the relay said nothing")

    @property
    def closing(self) -> str:
        """NEG-CLOSE, for the relay to forget the conversation."""
        return messages.neg_close(self._subscription)

    def _take(self, payload: bytes) -> str | Difference:
        if self._initiator is None:
            raise OurFault("nothing was asked")
        question = self._initiator.feed(payload)
        if question is not None:
            return messages.neg_msg(self._subscription, question)
        return Difference(
            frozenset(map(bytes.hex, self._initiator.missing_here)),
            frozenset(map(bytes.hex, self._initiator.missing_there)),
        )
