"""HTTP by the standard library: no redirects, no cookies, nothing from the environment, bounded
bodies.

Connections are kept alive per host (`edge.connections`). A question that met a bad moment is asked
twice more. A host that has fallen silent once, or failed otherwise twice in a row, is not asked
again in this run: a hanging server costs one time-out, not one a repository.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from threading import Lock
from urllib.parse import urlsplit

from reconciler import __version__
from reconciler.edge.again import LATER, Passing, again, seconds_of
from reconciler.edge.allowance import Allowance, Allowances
from reconciler.edge.clock import Clock
from reconciler.edge.connections import Body, Connections, Request
from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress
from reconciler.limits import (
    ANSWER_SECONDS,
    HTTP_ERROR_BYTES,
    PEER_TEXT_CHARS,
    SERVER_SECONDS,
    WHOLE_SILENCES,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

_STRIKES = 2
_CHUNK = 64 * 2**10
_AGENT = f"grasp-reconciler/{__version__}"


class Forbidden(Failure):
    """403: whoever asks may not, or may not yet."""


class Http:
    """One client for a run; safe to share between threads."""

    def __init__(self, egress: Egress, clock: Clock, allowances: Allowances) -> None:
        self._connections = Connections(egress)
        self._clock = clock
        self._allowances = allowances
        self._strikes: Counter[str] = Counter()
        self._last: dict[str, Unknown] = {}
        self._skews: dict[str, float] = {}
        self._lock = Lock()

    def get(self, url: str, *, accept: str, limit: int, seconds: float) -> tuple[str, bytes]:
        """GET: content type and body.

        Args:
            url: canonical.
            accept: the Accept header.
            limit: bytes of the body that are allowed.
            seconds: silence that is allowed, and time for each PROGRESS_BYTES; the whole answer
                may take six times as long.

        Raises:
            Failure: no answer, a status other than 200, or a larger body. Status 404 is
                `Cause.NOT_FOUND`.
        """
        host = urlsplit(url).netloc
        allowance = self._allowances.of(url)
        request = Request(url, {"Accept": accept, "User-Agent": _AGENT})

        def attempt() -> tuple[str, bytes]:
            with self._counting(host):
                whole = min(WHOLE_SILENCES * seconds, allowance.left())
                bounds = Deadline(whole, self._clock.stop, head=seconds, window=seconds)
                return self._exchange(request, allowance, bounds, limit, seconds)

        self._ask(host)
        return again(attempt, self._clock, allowance)

    def post(self, url: str, body: Body, *, kind: str, limit: int, seconds: float) -> bytes:
        """POST a git request (`kind` is the service), once; the answer's body. Raises Failure."""
        host = urlsplit(url).netloc
        request = Request(url, _headers(kind), body)
        allowance = self._allowances.of(url)
        self._ask(host)
        with self._counting(host):
            # without a window: git keeps a connection alive by five bytes every five seconds
            whole = min(SERVER_SECONDS, allowance.left())
            bounds = Deadline(whole, self._clock.stop, head=seconds)
            return self._exchange(request, allowance, bounds, limit, seconds)[1]

    @contextmanager
    def stream(
        self, url: str, body: Body, *, kind: str, seconds: float
    ) -> Iterator[Iterator[bytes]]:
        """POST a git request, once; the answer's body, as it comes. What is not read is not waited
        for, and a failure in the middle is no strike against the host.

        Args:
            url: canonical.
            body: the request.
            kind: the service.
            seconds: silence that is allowed.

        Raises:
            Failure: no answer, a status other than 200, or it broke; also while it is read.
        """
        headers = _headers(kind)
        allowance = self._allowances.of(url)
        self._ask(urlsplit(url).netloc)
        self._clock.begin()
        bounds = Deadline(min(SERVER_SECONDS, allowance.left()), self._clock.stop)
        with _kept(bounds, allowance, self._clock), ExitStack() as stack:
            with _translated():
                exchange = self._connections.exchange(Request(url, headers, body), bounds, seconds)
                answer = stack.enter_context(exchange)
                if answer.status != 200:
                    raise _refusal(answer)
            yield _chunks(answer)

    def skew(self, url: str) -> float | None:
        """Seconds that our clock is ahead of this server's, by the `Date` (RFC 9110, section 6.6.1)
        in the answer in which they differ least; None when it has told no time. Whole seconds, and
        the time that an answer travels, are not told apart from it."""
        return self._skews.get(urlsplit(url).netloc)

    def close(self) -> None:
        """End all connections."""
        self._connections.close()

    def _exchange(
        self, request: Request, allowance: Allowance, bounds: Deadline, limit: int, seconds: float
    ) -> tuple[str, bytes]:
        self._clock.begin()
        with (
            _kept(bounds, allowance, self._clock),
            _translated(),
            self._connections.exchange(request, bounds, seconds) as answer,
        ):
            self._compare(request.url, answer)
            if answer.status != 200:
                raise _refusal(answer)
            return answer.headers.get("Content-Type", ""), _read(answer, limit, allowance, bounds)

    def _compare(self, url: str, answer: HTTPResponse) -> None:
        """Note how far the server's clock is from ours."""
        theirs = _moment(answer.headers.get("Date", ""))
        if theirs is None or "Age" in answer.headers:  # out of a cache, dated by another moment
            return
        host = urlsplit(url).netloc
        with self._lock:
            found = [time.time() - theirs, *filter(None, [self._skews.get(host)])]
            self._skews[host] = min(found, key=abs)

    def _ask(self, host: str) -> None:
        """May the host be asked once more? Raises Failure."""
        with self._lock:
            if self._strikes[host] >= _STRIKES:
                raise Failure(self._last[host])

    @contextmanager
    def _counting(self, host: str) -> Iterator[None]:
        """Count network failures of a host in a row."""
        try:
            yield
        except Failure as failure:
            with self._lock:
                self._strikes[host] = _strikes(failure.unknown, self._strikes[host])
                self._last[host] = replace(
                    failure.unknown, detail=f"{failure.unknown.detail} (earlier)"
                )
            raise
        with self._lock:
            self._strikes[host] = 0


def _headers(kind: str) -> dict[str, str]:
    return {
        "Content-Type": f"application/x-{kind}-request",
        "Accept": f"application/x-{kind}-result",
        "User-Agent": _AGENT,
    }


def _strikes(unknown: Unknown, before: int) -> int:
    if unknown.cause is Cause.TIMEOUT:
        return _STRIKES
    if unknown.cause in (Cause.BUDGET, Cause.STOPPED):  # ours, not the host's
        return before
    return 0 if unknown.cause in (Cause.HTTP, Cause.NOT_FOUND, Cause.RATE) else before + 1


@lru_cache(maxsize=64)
def _moment(date: str) -> float | None:
    """A `Date` header as seconds since 1970; remembered, because a second has many answers."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _read(answer: HTTPResponse, limit: int, allowance: Allowance, bounds: Deadline) -> bytes:
    _uncompressed(answer)
    body, start = bytearray(), time.monotonic()
    while chunk := _chunk(answer):
        bounds.came(len(chunk))
        allowance.spend_bytes(len(chunk))
        if time.monotonic() - start > ANSWER_SECONDS:
            raise Failure(Unknown(Cause.TIMEOUT, "the answer drips without end"))
        body += chunk
        if len(body) > limit:
            raise Failure(Unknown(Cause.PROTOCOL, f"the answer is larger than {limit} bytes"))
    answer.read()  # nothing; but only now http.client knows that it has ended
    return bytes(body)


def _uncompressed(answer: HTTPResponse) -> None:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Failure(Unknown(Cause.PROTOCOL, "the answer is compressed, unasked"))


def _chunks(answer: HTTPResponse) -> Iterator[bytes]:
    _uncompressed(answer)
    with _translated():
        while chunk := _chunk(answer):
            yield chunk
        answer.read()


def _chunk(answer: HTTPResponse) -> bytes:
    """What of the body has come; nothing at its end."""
    try:
        found = answer.read1(_CHUNK)
    except TimeoutError:
        raise Failure(Unknown(Cause.TIMEOUT, "silence in the middle")) from None
    if not found and answer.length:
        raise IncompleteRead(b"", answer.length)
    return found


def _refusal(answer: HTTPResponse) -> Failure:
    code = answer.status
    if code in (301, 302, 303, 307, 308):
        return Failure(Unknown(Cause.PROTOCOL, f"{code}: redirects are not followed"))
    text = answer.read(HTTP_ERROR_BYTES).decode("utf-8", "replace")
    if code == 404:
        return Failure(Unknown(Cause.NOT_FOUND, "404"))
    said = " ".join(text.split())[:PEER_TEXT_CHARS] if "<" not in text else ""
    kind = Cause.RATE if code == 429 else Cause.HTTP
    unknown = Unknown(kind, f"{code} {answer.reason or ''} {said}".strip())
    if code in LATER:
        return Passing(unknown, seconds_of(answer.headers.get("Retry-After")))
    return Forbidden(unknown) if code == HTTPStatus.FORBIDDEN else Failure(unknown)


@contextmanager
def _translated() -> Iterator[None]:
    """The library's exceptions become one Failure each."""
    try:
        yield
    except ssl.SSLError as error:
        raise Failure(Unknown(Cause.TLS, str(error)[:PEER_TEXT_CHARS])) from None
    except TimeoutError:
        raise Failure(Unknown(Cause.TIMEOUT, "no answer in time")) from None
    except (OSError, HTTPException) as error:
        raise Passing(Unknown(Cause.CUT, _short(error))) from None


def _short(error: Exception) -> str:
    if isinstance(error, IncompleteRead):
        return "the answer ended in the middle"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:200]


@contextmanager
def _kept(deadline: Deadline, allowance: Allowance, clock: Clock) -> Iterator[None]:
    """Run one exchange under a deadline, whatever form its end takes inside the library."""
    try:
        with deadline:
            yield
    except Failure:
        if not deadline.passed:
            raise
    if deadline.passed:
        clock.begin()
        allowance.left()
        raise Failure(Unknown(Cause.TIMEOUT, deadline.why))
