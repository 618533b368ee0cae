"""Server, clone and relay URLs: one canonical form each (NIP-34 "GRASP", GRASP-01).

    server   https://host[:port][/path]                          (http:// on loopback)
    relay    wss://host[:port][/path]
    clone    https://host[:port][/path]/<npub>/<percent-encoded identifier>.git

Hosts are lower case, default ports are left out, nothing ends in a slash.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from reconciler.errors import PeerFault
from reconciler.limits import IDENTIFIER_BYTES, URL_CHARS
from reconciler.nostr import nip19

_DEFAULT_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}
_WEB = {"wss": "https", "ws": "http", "https": "https", "http": "http"}
_SOCKET = {"https": "wss", "http": "ws"}
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_ENCODED_CHARS = 3 * IDENTIFIER_BYTES + len(".git")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\uffff\U00010000-\U0010ffff\\#?@]")


def canonical(text: str) -> str:
    """A server or relay URL in canonical web form (`https://` or `http://`).

    urlsplit alone is not enough: it deletes tabs, and reads the host of `https://good\\@evil/`
    as `evil`; such characters are refused before it looks.

    Raises:
        PeerFault: not a plain http, https, ws or wss URL.
    """
    if len(text) > URL_CHARS:
        raise PeerFault(f"the URL is longer than {URL_CHARS} characters")
    if _FORBIDDEN.search(text):
        raise PeerFault("the URL holds a space, control or non-ASCII character, or one of \\ # ? @")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise PeerFault("the URL's host or port is malformed") from None
    if parts.scheme.lower() not in _WEB:
        raise PeerFault("the URL does not start with https:// or wss://")
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise PeerFault("the URL's host is not a plain host name or IPv4 address")
    if port == 0:
        raise PeerFault("the URL's port is not a number from 1 to 65535")
    scheme = _WEB[parts.scheme.lower()]
    where = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    return f"{scheme}://{where}{parts.path.rstrip('/')}"


def source(text: str) -> str:
    """The URL of a git repository on any host, in canonical web form.

    Raises:
        PeerFault: not a plain http or https URL with a path; user names have no place in it.
    """
    found = canonical(text)
    if not text.lower().startswith("http"):
        raise PeerFault("a git repository is not fetched over a WebSocket")
    if not urlsplit(found).path:
        raise PeerFault("the URL names a host and no repository on it")
    return found


def relay(server: str) -> str:
    """The relay URL of a canonical server URL."""
    scheme, _, rest = server.partition("://")
    return f"{_SOCKET[scheme]}://{rest}"


def clone(server: str, pubkey: str, identifier: str) -> str:
    """The clone URL of a repository on a canonical server URL; the identifier is encoded once."""
    return f"{server}/{nip19.npub(pubkey)}/{quote(identifier, safe='')}.git"


def host(server: str) -> str:
    """`host[:port][/path]`: how a server is called in plans and reports."""
    return server.partition("://")[2]


def server_of_clone(url: str, pubkey: str, identifier: str) -> str | None:
    """The canonical server URL when `url` is this repository's clone URL on a GRASP server.

    Tolerates what real announcements hold: upper-case hosts, a default port, a trailing slash,
    other percent-encoding.
    """
    # an encoded identifier is up to three times as long, so the last part has a limit of its own
    base, _, name = url.rstrip("/").rpartition("/")
    if len(name) > _ENCODED_CHARS or _FORBIDDEN.search(name):
        return None
    server, _, npub = base.rpartition("/")
    if unquote(name) != f"{identifier}.git" or npub != nip19.npub(pubkey):
        return None
    try:
        return canonical(server)
    except PeerFault:
        return None
