"""HTTP connections, kept open from one exchange to the next (RFC 9112, section 9.3).

`http.client` speaks the protocol; everything that could lead elsewhere (redirects, cookies,
proxies, credentials) is not in it. The sockets come from the egress policy, so that the address
which was checked is the one that is dialled, and each exchange has a deadline for all of it.
"""

from __future__ import annotations

import select
import ssl
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress
from reconciler.limits import CONNECT_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent with a request: bytes, and a file behind them. Its length is known, so that
    proxies need no chunking."""

    head: bytes
    file: Path | None = None

    def __len__(self) -> int:
        return len(self.head) + (self.file.stat().st_size if self.file else 0)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; without a body it is a GET. `url` is canonical."""

    url: str
    headers: Mapping[str, str]
    body: Body | None = None


class Connections:
    """All connections of one run; safe between threads."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._idle: defaultdict[tuple[str, str], list[HTTPConnection]] = defaultdict(list)
        self._lock = Lock()

    @contextmanager
    def exchange(
        self, request: Request, deadline: Deadline, seconds: float
    ) -> Iterator[HTTPResponse]:
        """Ask; the answer's head, with its body still to be read. A body that is read to its end
        leaves the connection for the next exchange.

        Args:
            request: the question.
            deadline: ends it all.
            seconds: silence that is allowed.

        Raises:
            Failure: the egress policy forbids it, or there is no connection.
            OSError, http.client.HTTPException: what broke on the way.
        """
        parts = urlsplit(request.url)
        place = (parts.scheme, parts.netloc)
        path = parts._replace(scheme="", netloc="").geturl() or "/"
        connection = self._kept(place) or self._opened(request.url, deadline)
        answer = None
        try:
            deadline.watch(connection.sock)
            connection.sock.settimeout(seconds)
            answer = _asked(connection, path, request, deadline)
            yield answer
        finally:
            whole = answer is not None and answer.isclosed() and not answer.will_close
            deadline.watch(None)  # from here on it may be another exchange's
            if whole and not deadline.passed:
                with self._lock:
                    self._idle[place].append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """End those that nobody uses."""
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def _kept(self, place: tuple[str, str]) -> HTTPConnection | None:
        """One that the server has not closed meanwhile."""
        with self._lock:
            waiting = self._idle[place]
            while waiting:
                connection = waiting.pop()
                # whatever can be read before anything was asked is an end, or not meant for us
                if not select.select([connection.sock], [], [], 0)[0]:
                    return connection
                connection.close()
        return None

    def _opened(self, url: str, deadline: Deadline) -> HTTPConnection:
        parts = urlsplit(url)
        if parts.scheme == "http" and not self._egress.allows_plain(url):
            raise Failure(Unknown(Cause.EGRESS, "http:// is spoken to listed networks only"))
        host = parts.hostname or ""
        default = _PORTS[parts.scheme]
        connection = HTTPConnection(host, parts.port or default)
        connection.default_port = default  # it is left out of the Host header
        connection.auto_open = 0
        connection.sock = self._egress.connect(host, connection.port)
        if parts.scheme == "https":
            try:
                connection.sock = self._secured(connection, deadline)
            except BaseException:
                connection.close()
                raise
        return connection

    def _secured(self, connection: HTTPConnection, deadline: Deadline) -> ssl.SSLSocket:
        deadline.watch(connection.sock)
        connection.sock.settimeout(CONNECT_SECONDS)
        secured = self._context.wrap_socket(
            connection.sock, server_hostname=connection.host, do_handshake_on_connect=False
        )
        deadline.watch(secured)
        deadline.sent()  # a handshake may drip, too
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context


def _asked(
    connection: HTTPConnection, path: str, request: Request, deadline: Deadline
) -> HTTPResponse:
    body = request.body
    # a server may refuse a body before it has all of it: its answer says why
    with suppress(BrokenPipeError):
        if body is None:
            connection.request("GET", path, headers=request.headers)
        else:
            headers = {**request.headers, "Content-Length": str(len(body))}
            connection.request("POST", path, body.head, headers)
            if body.file:
                with body.file.open("rb") as file:
                    connection.sock.sendfile(file)
    deadline.sent()
    answer = connection.getresponse()
    deadline.came(0)
    return answer
