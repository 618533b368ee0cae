"""One WebSocket over `websocket-client`, bounded while it is read.

The socket comes from the egress policy, TLS is ours, redirects and environment proxies do not
exist here, and frames are counted while they are read, so that a peer cannot make us buffer what
we would refuse.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import websocket
from websocket import _handshake
from websocket._abnf import ABNF, frame_buffer
from websocket._cookiejar import SimpleCookieJar

from reconciler.edge.again import LATER, Passing, seconds_of
from reconciler.edge.clock import Clock
from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress, fault_of
from reconciler.errors import PeerFault
from reconciler.limits import DOOR_BYTES, PEER_TEXT_CHARS, WHOLE_SILENCES, WS_MESSAGE_BYTES
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

_COME = 64 * 2**10


class _NoCookies(SimpleCookieJar):
    """Keeps nothing, so it has nothing to give.

    The library's own jar is one for the process: a relay may name any other server in `Domain`, and
    octal escapes in the value become line ends, which is a whole second request to that server.
    """

    def add(self, set_cookie: str | None) -> None:
        """Forget what a server sets."""


_handshake.CookieJar = _NoCookies()


class _BoundedBuffer(frame_buffer):
    """websocket-client's frame reader, which refuses a frame by its length, before reading it."""

    def recv_length(self) -> None:
        super().recv_length()
        if (self.length or 0) > WS_MESSAGE_BYTES:
            raise PeerFault(f"a frame is larger than {WS_MESSAGE_BYTES} bytes")


class _Door:
    """A socket while the upgrade is answered: the library reads it byte by byte, without limit."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._left = DOOR_BYTES

    def recv(self, size: int) -> bytes:
        data = self._inner.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise PeerFault(f"the answer to the upgrade is larger than {DOOR_BYTES} bytes")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class BoundedSocket(websocket.WebSocket):
    """Bounds the sum of a fragmented message, and the time of one whole message, too."""

    def __init__(self, silence: float, spend: Callable[[int], None]) -> None:
        """Args: seconds without a byte that are allowed (one message may take six times that), and
        what hears how many bytes come."""
        # the library's own check of UTF-8 is pure Python and took 60 % of the time of reading (125
        # events of 1 kB: 27 ms with it, 11 ms without); whoever decodes checks again, in C
        super().__init__(skip_utf8_validation=True)
        self.frame_buffer = _BoundedBuffer(self._recv, skip_utf8_validation=True)
        self._silence = silence
        self._spend = spend
        self._bytes = 0
        self._deadline = float("inf")
        self._come = memoryview(b"")

    def upgrade(self, url: str, ready: socket.socket) -> None:
        """The opening handshake (RFC 6455, section 4), over a connection that stands.

        Raises:
            PeerFault, OSError, websocket.WebSocketException: no WebSocket there.
        """
        self.settimeout(self._silence)
        options = {"socket": _Door(ready), "suppress_origin": True, "redirect_limit": 0}
        self.connect(url, **options)  # type: ignore[no-untyped-call]
        self.sock = ready

    def receive(self) -> bytes:
        """The next message, text or binary, as bytes that nobody has decoded yet.

        Raises:
            websocket.WebSocketConnectionClosedException: the relay closed the connection.
            PeerFault, OSError, websocket.WebSocketException: it broke the protocol, or ended.
        """
        self._bytes = 0
        self._deadline = time.monotonic() + WHOLE_SILENCES * self._silence
        opcode, data = self.recv_data()
        if opcode == ABNF.OPCODE_CLOSE:
            raise websocket.WebSocketConnectionClosedException
        return bytes(data)

    def recv_frame(self) -> ABNF:
        frame: ABNF = super().recv_frame()  # type: ignore[no-untyped-call]
        self._bytes += len(frame.data)
        if self._bytes > WS_MESSAGE_BYTES:
            raise PeerFault(f"a message is larger than {WS_MESSAGE_BYTES} bytes")
        return frame

    def _recv(self, bufsize: int) -> bytes:
        """The library asks three times a frame; the socket is asked for all that is there."""
        if time.monotonic() > self._deadline:
            raise TimeoutError("the message takes too long")
        if not self._come:
            self._come = memoryview(super()._recv(_COME))  # type: ignore[no-untyped-call]
            self._spend(len(self._come))
        found, self._come = self._come[:bufsize], self._come[bufsize:]
        return bytes(found)


def connect(
    url: str,
    egress: Egress,
    clock: Clock,
    silence: float,
    door: float,
    spend: Callable[[int], None],
) -> BoundedSocket:
    """A connection to a ws:// or wss:// URL, upgraded; use it inside `translated`.

    Args:
        url: of the relay; ws:// only where the egress policy allows it.
        egress: makes the TCP connection.
        clock: a stop of the run cuts the door, too.
        silence: seconds without a byte that are allowed.
        door: seconds for TLS and the upgrade together.
        spend: hears how many bytes come.

    Raises:
        Failure: the egress policy forbids it, or the run was stopped.
        OSError, websocket.WebSocketException: no connection, or no WebSocket there.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    if not secure and not egress.allows_plain(url):
        raise Failure(Unknown(Cause.EGRESS, "ws:// is spoken to listed networks only"))
    host = parts.hostname or ""
    plain = egress.connect(host, parts.port or (443 if secure else 80))
    plain.settimeout(silence)
    ready = plain
    deadline = Deadline(door, clock.stop)
    try:
        with deadline:
            deadline.watch(plain)
            if secure:
                context = ssl.create_default_context()
                ready = context.wrap_socket(
                    plain, server_hostname=host, do_handshake_on_connect=False
                )
                deadline.watch(ready)
                ready.do_handshake()
            connection = BoundedSocket(silence, spend)
            connection.upgrade(url, ready)
    except BaseException as error:
        ready.close()
        if deadline.passed:
            clock.begin()
            raise TimeoutError("the relay's door takes too long") from error
        raise
    return connection


@contextmanager
def translated(note: Callable[[Unknown], None]) -> Iterator[None]:
    """The library's exceptions become one Failure, which the connection then keeps."""
    try:
        yield
    except Failure as failure:
        note(failure.unknown)
        raise
    except PeerFault as error:
        raise _noted(note, Cause.PROTOCOL, str(error)) from None
    except (websocket.WebSocketTimeoutException, TimeoutError):
        raise _noted(note, Cause.TIMEOUT, "the relay fell silent") from None
    except websocket.WebSocketBadStatusException as error:
        refused = _refusal(error)
        note(refused.unknown)
        raise refused from None
    except websocket.WebSocketConnectionClosedException:
        raise _noted(note, Cause.CUT, "the relay closed the connection") from None
    except ssl.SSLError as error:
        raise _noted(note, Cause.TLS, error.reason or "TLS failure") from None
    except OSError as error:
        raise _noted(note, fault_of(error).cause, fault_of(error).detail) from None
    except (websocket.WebSocketException, ValueError) as error:
        raise _noted(note, Cause.PROTOCOL, str(error)[:PEER_TEXT_CHARS]) from None


def _refusal(error: websocket.WebSocketBadStatusException) -> Failure:
    code = error.status_code
    cause = Cause.RATE if code == HTTPStatus.TOO_MANY_REQUESTS else Cause.HTTP
    unknown = Unknown(cause, f"the WebSocket upgrade was answered with {code}")
    if code in LATER:
        return Passing(unknown, seconds_of((error.resp_headers or {}).get("retry-after")))
    return Failure(unknown)


def _noted(note: Callable[[Unknown], None], kind: Cause, detail: str) -> Failure:
    fault = Unknown(kind, detail)
    note(fault)
    return Failure(fault)
