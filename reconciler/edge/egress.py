"""Every connection starts here: resolve once, check every address, dial what was checked.

A name that resolves to a private, loopback, link-local or otherwise special address is refused
unless the desired state lists the network; so is one of several answers being private (DNS
rebinding mixes them). What was checked is what is dialled, by address.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from reconciler.edge.resolver import Resolver
from reconciler.limits import CONNECT_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import networks
from reconciler.world import Failure

_ATTEMPTS = 2
"""Time-outs of the connection that a host may cost, however many addresses it has."""


@dataclass(frozen=True)
class Egress:
    """The policy of one run. `allow` are networks that may be contacted although not public."""

    allow: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    resolver: Resolver = field(default_factory=Resolver)

    def addresses(self, host: str) -> tuple[str, ...]:
        """All addresses of a host, each one allowed.

        Raises:
            Failure: it does not resolve, or one address is refused.
        """
        addresses = self.resolver.addresses(host)
        for address in addresses:
            if not self.permits(address):
                detail = f"{host} is {address}, which is not public (policies.egress.allow_private)"
                raise Failure(Unknown(Cause.EGRESS, detail))
        return addresses

    def permits(self, address: str) -> bool:
        """May this address be dialled?"""
        parsed = networks.parse(address)
        return parsed is not None and (networks.is_public(parsed) or self._is_listed(parsed))

    def connect(self, host: str, port: int) -> socket.socket:
        """A TCP connection to a checked address.

        Raises:
            Failure: refused by policy or by the peer, or timed out.
        """
        last: OSError | None = None
        end = time.monotonic() + _ATTEMPTS * CONNECT_SECONDS
        for address in self.addresses(host):
            left = min(CONNECT_SECONDS, end - time.monotonic())
            if left <= 0:
                break
            try:
                connection = socket.create_connection((address, port), timeout=left)
            except OSError as error:
                last = error
                continue
            # small messages one after the other (CLOSE, REQ) would each wait 40 ms for an ACK
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        raise Failure(fault_of(last or OSError("no address")))

    def allows_plain(self, url: str) -> bool:
        """May `http://` be spoken to this host? Only where every address is a listed network."""
        host = urlsplit(url).hostname or ""
        try:
            return all(self._is_listed(ipaddress.ip_address(a)) for a in self.addresses(host))
        except (Failure, ValueError):
            return False

    def _is_listed(self, address: networks.Address) -> bool:
        return any(
            address in network for network in self.allow if network.version == address.version
        )


def fault_of(error: OSError) -> Unknown:
    """The fault that an operating-system error stands for."""
    if isinstance(error, TimeoutError):
        return Unknown(Cause.TIMEOUT, "no connection in time")
    if isinstance(error, ConnectionRefusedError):
        return Unknown(Cause.REFUSED, "nothing listens there")
    return Unknown(Cause.CUT, error.strerror or str(error))
