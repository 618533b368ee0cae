"""The line to one relay: one conversation over as many connections as it takes, read message by
message within the server's allowance. What is said on it is `edge.relay`'s business."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock

import websocket

from reconciler.edge import frames
from reconciler.edge.again import again
from reconciler.edge.allowance import Allowance
from reconciler.edge.clock import Clock
from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress
from reconciler.edge.frames import BoundedSocket, translated
from reconciler.errors import PeerFault
from reconciler.limits import (
    DOOR_SECONDS,
    READ_SECONDS,
    RELAY_IDLE_SECONDS,
    WHOLE_SILENCES,
    WS_CONTROL_BYTES,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import messages
from reconciler.nostr.messages import RelayMessage, SentText
from reconciler.world import Failure

_LONG = re.compile(rb'\s*\[\s*"(?:EVENT|NEG-MSG)"')
"""The only messages of a relay that may be long."""


class RelayLine:
    """Turns on it are serialised. After a failure it stays failed for the run. `odd` counts what
    was left out, by reason."""

    def __init__(
        self,
        url: str,
        egress: Egress,
        clock: Clock,
        allowance: Allowance,
        *,
        silence: float = READ_SECONDS,
        idle: float = RELAY_IDLE_SECONDS,
    ) -> None:
        """Connect.

        Args:
            url: ws:// or wss://.
            egress: makes the socket.
            clock: a stop ends what goes on.
            allowance: the server's; everything here takes from it.
            silence: seconds without a byte that are allowed, and for each PROGRESS_BYTES of an
                answer; one message may take six times that.
            idle: seconds without a turn after which the connection is opened anew: nobody answers
                the relay's pings between turns.

        Raises:
            Failure: no connection, or no WebSocket there.
        """
        self.odd: Counter[str] = Counter()
        self._url = url
        self._egress = egress
        self._clock = clock
        self._allowance = allowance
        self._silence = silence
        self._idle = idle
        self._lock = RLock()
        self._fault: Unknown | None = None
        self._bounds: Deadline | None = None
        self._used = self._since = clock.now()
        with allowance.reading():
            self._socket = self._connected()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Say something and hear the answer; inside `reading` or `working` of the allowance.

        Raises:
            Failure: anything went wrong, or the run was stopped before it began.
        """
        with self._lock:
            self._clock.begin()
            if self._fault:
                raise Failure(self._fault)
            with translated(self._break):
                if self._clock.now() - self._used > self._idle:
                    self._hang_up()
                    self._socket = self._connected()
                self._since = self._clock.now()
                with self._bounded():
                    yield
            self._used = self._clock.now()

    def check(self) -> None:
        """Within a turn that may end halfway. Raises Failure when the run was stopped."""
        self._clock.begin()

    def send(self, text: str) -> None:
        """One message to the relay; within a turn."""
        self._socket.send(text)

    def next(self) -> RelayMessage | SentText:
        """The next message that can be read, within a turn; the others are counted as odd.

        Raises:
            Failure: nothing was `used` for as long as silence is allowed.
        """
        while self._clock.now() - self._since <= self._silence:
            try:
                return self.strictly_next()
            except _Unreadable as fault:
                self.odd[str(fault)] += 1
        raise Failure(Unknown(Cause.TIMEOUT, "the relay talks, and does not answer"))

    def used(self, *, last: bool = False) -> None:
        """A message of the answer was read; `last`: the next answer has its own time."""
        self._since = self._clock.now()
        if last and self._bounds:
            self._bounds.answered()

    def strictly_next(self) -> RelayMessage | SentText:
        """The next message, within a turn. Raises PeerFault when it cannot be read."""
        data = self._socket.receive()
        self._allowance.spend_message()
        if sent := messages.sent_text(data):
            return sent
        if len(data) > WS_CONTROL_BYTES and not _LONG.match(data):
            raise _Unreadable(f"a message was larger than {WS_CONTROL_BYTES} bytes, and no event")
        try:
            return messages.parse_relay(data)
        except PeerFault:
            raise _Unreadable("a message could not be read") from None

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Another silence is allowed inside; when it is over, WebSocketTimeoutException."""
        self._socket.settimeout(seconds)
        try:
            yield
        finally:
            self._socket.settimeout(self._silence)

    def close(self) -> None:
        """End the connection; politely, unless it failed before."""
        with self._lock:
            self._hang_up()

    def _connected(self) -> BoundedSocket:
        """A new connection; a moment's refusal (429, 503, …) is waited out."""
        socket = again(self._dial, self._clock, self._allowance)
        self._used = self._clock.now()
        return socket

    def _dial(self) -> BoundedSocket:
        with translated(lambda _: None):
            return frames.connect(
                self._url,
                self._egress,
                self._clock,
                self._silence,
                min(DOOR_SECONDS, WHOLE_SILENCES * self._silence, self._allowance.left()),
                self._spend,
            )

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """The socket ends with the allowance, and STOP_SECONDS after a stop: a relay that reads
        slowly, or chats on, keeps nobody."""
        bounds = Deadline(self._allowance.left(), self._clock.stop, window=self._silence)
        with bounds as self._bounds:
            bounds.watch(self._socket.sock)
            try:
                yield
            except (OSError, websocket.WebSocketException):
                if bounds.passed:
                    self._clock.begin()
                    self._allowance.left()
                    raise Failure(Unknown(Cause.TIMEOUT, bounds.why)) from None
                raise

    def _spend(self, count: int) -> None:
        self._allowance.spend_bytes(count)
        if self._bounds:
            self._bounds.came(count)

    def _break(self, fault: Unknown) -> None:
        self._fault = fault

    def _hang_up(self) -> None:
        """Say goodbye, and do not wait for the relay's own."""
        with suppress(OSError, websocket.WebSocketException):
            if self._fault is None:
                self._socket.settimeout(1)
                self._socket.send_close()
        self._socket.shutdown()  # type: ignore[no-untyped-call]


class _Unreadable(PeerFault):
    """One message is not what NIP-01 says; the next one may be."""
