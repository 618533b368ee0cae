"""HTTP by `requests`: no redirects, no cookies, nothing from the environment, bounded bodies.

Connections are kept alive per host and are made by the egress policy, so that the address which was
checked is the one that is dialled. A question that met a bad moment is asked twice more. A host
that has fallen silent once, or failed otherwise twice in a row, is not asked again in this run: a
hanging server costs one time-out, not one a repository.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from reconciler import __version__
from reconciler.edge.again import LATER, Passing, again, seconds_of
from reconciler.edge.allowance import Allowance, Allowances
from reconciler.edge.clock import Clock
from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress
from reconciler.edge.pools import Adapter, kept
from reconciler.limits import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    HTTP_ERROR_BYTES,
    PEER_TEXT_CHARS,
    SERVER_SECONDS,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

_STRIKES = 2
_WHOLE = 6
"""A whole answer may take so many times the silence that is allowed within it."""
_AGENT = f"grasp-reconciler/{__version__}"


class Body(Protocol):
    """A request body of known length, in chunks."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


class Http:
    """One client for a run; safe to share between threads."""

    def __init__(self, egress: Egress, clock: Clock, allowances: Allowances) -> None:
        self._egress = egress
        self._clock = clock
        self._allowances = allowances
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": _AGENT})
        # no cookies: what one server sets would reach another one of its domain, or of its host
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = Adapter(egress)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
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
        request = requests.Request("GET", url, {"Accept": accept})

        def attempt() -> tuple[str, bytes]:
            with self._counting(host):
                whole = min(_WHOLE * seconds, allowance.left())
                bounds = Deadline(whole, self._clock.stop, head=seconds, window=seconds)
                return self._exchange(request, allowance, bounds, limit, seconds)

        self._ask(host)
        return again(attempt, self._clock, allowance)

    def post(self, url: str, body: Body, *, kind: str, limit: int, seconds: float) -> bytes:
        """POST a git request (`kind` is the service), once; the answer's body. Raises Failure."""
        host = urlsplit(url).netloc
        headers = {
            "Content-Type": f"application/x-{kind}-request",
            "Accept": f"application/x-{kind}-result",
        }
        request = requests.Request("POST", url, headers, data=body)
        allowance = self._allowances.of(url)
        self._ask(host)
        with self._counting(host):
            # without a window: git keeps a connection alive by five bytes every five seconds
            bounds = Deadline(min(SERVER_SECONDS, allowance.left()), self._clock.stop)
            return self._exchange(request, allowance, bounds, limit, seconds)[1]

    def skew(self, url: str) -> float | None:
        """Seconds that our clock is ahead of this server's, by the `Date` (RFC 9110, section 6.6.1)
        in the answer in which they differ least; None when it has told no time. Whole seconds, and
        the time that an answer travels, are not told apart from it."""
        return self._skews.get(urlsplit(url).netloc)

    def close(self) -> None:
        """End all connections."""
        self._session.close()

    def _exchange(
        self,
        request: requests.Request,
        allowance: Allowance,
        bounds: Deadline,
        limit: int,
        seconds: float,
    ) -> tuple[str, bytes]:
        self._clock.begin()
        if request.url.startswith("http://") and not self._egress.allows_plain(request.url):
            raise Failure(Unknown(Cause.EGRESS, "http:// is spoken to listed networks only"))
        with kept(bounds, allowance, self._clock), _translated():
            answer = self._session.send(
                self._session.prepare_request(request),
                timeout=(CONNECT_SECONDS, seconds),
                allow_redirects=False,
                stream=True,
            )
            with answer:
                self._compare(answer)
                if answer.status_code != 200:
                    raise _refusal(answer)
                kind = answer.headers.get("Content-Type", "")
                return kind, _read(answer, limit, allowance, bounds)

    def _compare(self, answer: requests.Response) -> None:
        """Note how far the server's clock is from ours."""
        if "Age" in answer.headers:  # out of a cache, dated by another moment
            return
        try:
            theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (KeyError, ValueError, OverflowError):
            return
        host = urlsplit(answer.url).netloc
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


def _strikes(unknown: Unknown, before: int) -> int:
    if unknown.cause is Cause.TIMEOUT:
        return _STRIKES
    if unknown.cause in (Cause.BUDGET, Cause.STOPPED):  # ours, not the host's
        return before
    return 0 if unknown.cause in (Cause.HTTP, Cause.NOT_FOUND, Cause.RATE) else before + 1


def _read(answer: requests.Response, limit: int, allowance: Allowance, bounds: Deadline) -> bytes:
    body, start, seen = bytearray(), time.monotonic(), 0
    bounds.came(0)
    # what is there, and not what fills a buffer: a drip shows as one
    while chunk := answer.raw.read1(64 * 1024, decode_content=True):
        came, seen = answer.raw.tell() - seen, answer.raw.tell()
        bounds.came(came)
        allowance.spend_bytes(len(chunk))
        if time.monotonic() - start > ANSWER_SECONDS:
            raise Failure(Unknown(Cause.TIMEOUT, "the answer drips without end"))
        body += chunk
        if len(body) > limit:
            raise Failure(Unknown(Cause.PROTOCOL, f"the answer is larger than {limit} bytes"))
    return bytes(body)


def _refusal(answer: requests.Response) -> Failure:
    code = answer.status_code
    if code in (301, 302, 303, 307, 308):
        return Failure(Unknown(Cause.PROTOCOL, f"{code}: redirects are not followed"))
    if code == 404:
        return Failure(Unknown(Cause.NOT_FOUND, "404"))
    text = next(answer.iter_content(HTTP_ERROR_BYTES), b"").decode("utf-8", "replace")
    said = " ".join(text.split())[:PEER_TEXT_CHARS] if "<" not in text else ""
    kind = Cause.RATE if code == 429 else Cause.HTTP
    unknown = Unknown(kind, f"{code} {answer.reason or ''} {said}".strip())
    if code in LATER:
        return Passing(unknown, seconds_of(answer.headers.get("Retry-After")))
    return Failure(unknown)


@contextmanager
def _translated() -> Iterator[None]:
    """The libraries' exceptions become one Failure each."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise Failure(Unknown(Cause.TLS, str(error)[:PEER_TEXT_CHARS])) from None
    except requests.exceptions.Timeout:
        raise Failure(Unknown(Cause.TIMEOUT, "no answer in time")) from None
    except (requests.exceptions.RequestException, HTTPError) as error:
        if "Read timed out" in str(error):
            raise Failure(Unknown(Cause.TIMEOUT, "silence in the middle")) from None
        raise Passing(Unknown(Cause.CUT, _short(error))) from None


def _short(error: Exception) -> str:
    """The innermost words; urllib3 wraps them in tuples and addresses of objects."""
    inner: BaseException = error
    while causes := [arg for arg in inner.args if isinstance(arg, BaseException)]:
        inner = causes[-1]
    if isinstance(inner, IncompleteRead):
        return "the answer ended in the middle"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    reason = getattr(inner, "reason", None)
    return str(reason or inner)[:200]
