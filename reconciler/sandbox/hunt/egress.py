"""Whom a server may contact because somebody's event says so: the guard against request forgery.

http and https only; loopback, where the other embedded servers live, and public addresses; never
this server itself, and nothing private. Names are resolved once, and what was checked is dialled.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.errors import PeerFault
from reconciler.nostr import networks, urls


class Unreachable(PeerFault):
    """A URL that is never dialled."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL whose address was checked. `domain` is what its throttle goes by: the host, or, on
    loopback, where every server has the same host, address and port."""

    url: str
    host: str
    port: int
    address: str
    domain: str


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The policy of one server; `own` is its canonical URL."""

    own: str

    def clone_url(self, text: str) -> str:
        """A clone URL in canonical form.

        Raises:
            Unreachable: not http(s), malformed, or on this server.
        """
        if not text.lower().startswith(("http://", "https://")):
            raise Unreachable("only http and https are spoken")
        try:
            url = urls.canonical(text)
        except PeerFault as fault:
            raise Unreachable(str(fault)) from None
        if url == self.own or url.startswith(f"{self.own}/"):
            raise Unreachable("the URL is on this server")
        return url

    def resolve(self, url: str) -> Endpoint:
        """Look a canonical URL up and check every address. Blocking.

        Raises:
            Unreachable: no such name, or an address that may not be contacted.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unreachable(f"{host}: no such name") from None
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not self.permits(address, port):
                raise Unreachable(f"{host}:{port} is {address}, which may not be contacted")
        address = addresses[0]
        local = ipaddress.ip_address(address).is_loopback
        return Endpoint(url, host, port, address, f"{address}:{port}" if local else host)

    def permits(self, address: str, port: int) -> bool:
        """May this address be dialled?"""
        parsed = networks.parse(address)
        if parsed is None:
            return False
        if parsed.is_loopback:
            return port != urlsplit(self.own).port  # by whatever name: that is this server
        return networks.is_public(parsed)

    def open(self, info: Any) -> socket.socket:
        """aiohttp's socket factory: every dial passes here, redirects and rebound names too.

        Raises:
            OSError: the address may not be contacted.
        """
        family, kind, protocol, _, where = info
        if not self.permits(str(where[0]), int(where[1])):
            raise OSError(f"{where[0]}:{where[1]} may not be contacted")
        return socket.socket(family, kind, protocol)
