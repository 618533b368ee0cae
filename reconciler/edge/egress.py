"""Every connection starts here: resolve once, check every address, dial what was checked.

A name that resolves to a private, loopback, link-local or otherwise special address is refused
unless the desired state lists the network; so is one of several answers being private (DNS
rebinding mixes them). What was checked is what is dialled, by address.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.limits import CONNECT_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import networks
from reconciler.world import Failure


@dataclass(frozen=True)
class Egress:
    """The policy of one run. `allow` are networks that may be contacted although not public."""

    allow: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """All addresses of a host, each one allowed.

        Raises:
            Failure: it does not resolve, or one address is refused.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no such name"
            raise Failure(Unknown(Cause.RESOLVE, f"{host}: {reason.lower()}")) from None
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
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
        for address in self.addresses(host, port):
            try:
                connection = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
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
            return all(self._is_listed(ipaddress.ip_address(a)) for a in self.addresses(host, 80))
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
