"""The relays of a remote signer (NIP-46): listened to side by side, because either may be the one
that passes its answer on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from threading import Lock

import websocket

from reconciler.edge.allowance import Allowances
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.line import RelayLine
from reconciler.errors import PeerFault
from reconciler.limits import READ_SECONDS
from reconciler.nostr import messages, urls
from reconciler.nostr.event import Event, verify, verify_text
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Eose, Sent, SentText
from reconciler.world import Failure

_LOOK_SECONDS = 0.25
"""How often a quiet relay's thread looks whether another has heard the answer."""
_NAME = "answers"


class Mailbox:
    """Where one remote signer is talked to. Each exchange has connections of its own."""

    def __init__(
        self, relays: Sequence[str], egress: Egress, clock: Clock, allowances: Allowances
    ) -> None:
        """Args: canonical URLs, who may be dialled, what ends it, and what each relay may cost."""
        self._relays = tuple(relays)
        self._egress = egress
        self._clock = clock
        self._allowances = allowances

    def exchange(
        self,
        wanted: Filter,
        events: Sequence[Event],
        hear: Callable[[Event], bool],
        *,
        seconds: float,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Listen, say that one is `ready`, send, and hear what comes, one event at a time, until
        `hear` says that it is enough or the time is over. What does not verify or was not asked
        for is never heard.

        Raises:
            Failure: no relay could be reached, or the run was stopped.
        """
        done, lock, until = Flag(), Lock(), self._clock.now() + seconds
        heard: set[str] = set()
        told = Flag()

        def begin() -> None:
            with lock:
                if not told.is_set():
                    told.set()
                    ready()

        def once(event: Event) -> None:
            with lock:
                if event.id not in heard and not done.is_set():
                    heard.add(event.id)
                    if hear(event):
                        done.set()

        def one(relay: str) -> Failure | None:
            try:
                self._listen(relay, wanted, events, once, begin, done, until)
            except Failure as failure:
                return failure
            return None

        with ThreadPoolExecutor(len(self._relays)) as pool:
            failures = list(pool.map(one, self._relays))
        self._clock.begin()
        if not done.is_set() and all(failures):
            raise next(failure for failure in failures if failure)

    def _listen(
        self,
        relay: str,
        wanted: Filter,
        events: Sequence[Event],
        once: Callable[[Event], None],
        begin: Callable[[], None],
        done: Flag,
        until: float,
    ) -> None:
        allowance = self._allowances.of(relay)
        line = RelayLine(urls.relay(relay), self._egress, self._clock, allowance)
        try:
            with allowance.working(), line.turn():
                line.send(messages.req(_NAME, wanted))
                self._told(line, wanted, once)
                begin()
                for event in events:
                    line.send(messages.event(event))
                while not done.is_set() and self._clock.now() < until:
                    line.check()
                    try:
                        with line.patience(_LOOK_SECONDS):
                            _hear(line, wanted, once)
                    except websocket.WebSocketTimeoutException:
                        continue
        finally:
            line.close()

    def _told(self, line: RelayLine, wanted: Filter, once: Callable[[Event], None]) -> None:
        """Until the relay has told what it holds, and listens for us: an answer that came before
        would be lost."""
        with line.patience(READ_SECONDS):
            while not _hear(line, wanted, once):
                line.check()


def _hear(line: RelayLine, wanted: Filter, once: Callable[[Event], None]) -> bool:
    """One message; is it the end of what was stored?"""
    line.used(last=True)  # each message has its own time, and any silence between them is allowed
    message = line.next()
    if isinstance(message, Sent | SentText) and message.subscription == _NAME:
        try:
            event = _event(message)
        except PeerFault as fault:
            line.odd[str(fault)] += 1
            return False
        if wanted.matches(event):
            once(event)
    return isinstance(message, Eose) and message.subscription == _NAME


def _event(message: Sent | SentText) -> Event:
    """Raises PeerFault."""
    return verify(message.raw) if isinstance(message, Sent) else verify_text(message.text)
