"""The relay's side of NIP-77: the open conversations of one connection.

A conversation is a snapshot of what the relay served when it began, so purgatory and deleted and
expired events are not in it. Blocking; runs in a worker thread, one message of a connection at a
time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.limits import NEG_ITEMS
from reconciler.nostr import messages
from reconciler.nostr.messages import NegClose, NegMsg, NegOpen
from reconciler.nostr.negentropy.items import items
from reconciler.nostr.negentropy.roles import Responder
from reconciler.sandbox.family.words import RelayWords
from reconciler.sandbox.limits import NEG_IDLE_SECONDS, NEG_SESSIONS

Read = Callable[[NegOpen, int], list[tuple[int, str]]]
"""created_at and id of what a conversation is about, at most so many."""


@dataclass(slots=True)
class _Session:
    responder: Responder
    used_at: float


class Conversations:
    """What one client has open. `most` bounds the events of one conversation."""

    def __init__(
        self, words: RelayWords, read: Read, clock: Callable[[], float], *, most: int = NEG_ITEMS
    ) -> None:
        self._words = words
        self._read = read
        self._clock = clock
        self._most = most
        self._sessions: dict[str, _Session] = {}

    def answer(self, message: NegOpen | NegMsg | NegClose) -> str | None:
        """The message to send back, if any."""
        match message:
            case NegOpen():
                return self._open(message)
            case NegMsg(name, payload):
                return self._feed(name, payload)
            case NegClose(name):
                self._sessions.pop(name, None)
                return None

    def _open(self, message: NegOpen) -> str:
        name = message.subscription
        self._sessions.pop(name, None)  # NIP-77: the same name again replaces
        self._forget_idle()
        if len(self._sessions) >= NEG_SESSIONS:
            return messages.neg_err(name, self._words.many_conversations)
        now = self._clock()
        pairs = self._read(message, self._most + 1)
        if len(pairs) > self._most:
            return messages.neg_err(name, self._words.large_conversation)
        self._sessions[name] = _Session(Responder(items(pairs)), now)
        return self._feed(name, message.payload)

    def _feed(self, name: str, payload: bytes) -> str:
        session = self._sessions.get(name)
        if session is None:
            return messages.neg_err(name, self._words.unknown_conversation)
        now = self._clock()
        if now - session.used_at > NEG_IDLE_SECONDS:
            del self._sessions[name]
            return messages.neg_err(name, self._words.late_conversation)
        session.used_at = now
        try:
            return messages.neg_msg(name, session.responder.feed(payload))
        except PeerFault:
            del self._sessions[name]
            return messages.neg_err(name, self._words.bad_negentropy)

    def _forget_idle(self) -> None:
        last = self._clock() - NEG_IDLE_SECONDS
        self._sessions = {n: s for n, s in self._sessions.items() if s.used_at >= last}
