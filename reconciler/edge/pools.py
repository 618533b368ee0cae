"""The connections of `edge.http`: made by the egress policy, and ended by a deadline."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from reconciler.edge.allowance import Allowance
from reconciler.edge.clock import Clock
from reconciler.edge.deadline import Deadline
from reconciler.edge.egress import Egress
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

_under_way = local()
"""The deadline of the request that this thread makes: connections are made deep in urllib3."""


@contextmanager
def kept(deadline: Deadline, allowance: Allowance, clock: Clock) -> Iterator[None]:
    """Run one exchange under a deadline, whatever form its end takes inside the libraries."""
    _under_way.deadline = deadline
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


class Adapter(HTTPAdapter):
    """Makes pools whose connections come from the egress policy."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        super().__init__(pool_connections=64, pool_maxsize=64, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
    ) -> None:
        """Install pool classes of our own (the hook that requests documents)."""
        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        manager.pool_classes_by_scheme = _pools(self._egress)
        self.poolmanager = manager


def _pools(egress: Egress) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return egress.connect(self.host, self.port or 80)

        def send(self, data: Any) -> None:
            _send(self, super().send, data)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return egress.connect(self.host, self.port or 443)

        def send(self, data: Any) -> None:
            _send(self, super().send, data)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _send(connection: HTTPConnection, send: Callable[[Any], None], data: Any) -> None:
    """Send, with the connection's socket under the deadline; the first send may make it."""
    bounds: Deadline = _under_way.deadline
    bounds.watch(connection.sock)
    send(data)
    bounds.watch(connection.sock)
    bounds.sent()
