"""Does a well-shaped document make sense? Addresses, keys, and the names that refer to others.

Every check tolerates holes (None): what the schema refused was cut out before, so that one run
reports mistakes of both kinds.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from reconciler.desired import dates
from reconciler.desired.places import Path, Tree
from reconciler.desired.references import check_references
from reconciler.desired.sources import check_sources
from reconciler.desired.wording import LEAK_REMEDY, SECRET, show
from reconciler.errors import Mistake, PeerFault
from reconciler.nostr import kinds, nip19, urls
from reconciler.nostr.event import is_hex32
from reconciler.nostr.strictjson import Json

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

_GIVE_NPUB = "write the npub1… of the owner"
_NIP19_KINDS = ("nprofile1", "naddr1", "nevent1", "note1")


def check(tree: Tree, root: Json, *, refer: bool) -> Iterator[Mistake]:
    """All mistakes of meaning.

    Args:
        tree: where things stand.
        root: the document with holes.
        refer: whether names that refer to servers and npubs can be judged; not when some of
            those were cut out.
    """
    found = root if isinstance(root, dict) else {}
    policies = section(found, "policies")
    private = networks(listed(section(policies, "egress"), "allow_private"))
    servers: dict[str, Path] = {}
    wrong = list(_servers(tree, found, private, servers))
    yield from wrong
    yield from _relays(tree, found, private, servers)
    yield from _names(tree, found)
    owners = list(_npubs(tree, found))
    yield from owners
    yield from _event_kinds(tree, section(policies, "events"))
    yield from _networks(tree, listed(section(policies, "egress"), "allow_private"))
    yield from _dates(tree, found)
    if refer and not wrong:
        yield from check_references(tree, found, tuple(servers))
        plain = partial(_plain, tree, private, "https")
        yield from check_sources(tree, found, tuple(servers), plain)


def section(parent: Json, key: str) -> dict[str, Json]:
    """The mapping under this key; empty where there is none."""
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def listed(parent: Json, key: str) -> list[Json]:
    """The list under this key; empty where there is none."""
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, list) else []


def networks(words: list[Json]) -> Networks:
    """The networks among these words; what is none is reported elsewhere."""
    found = []
    for word in words:
        try:
            found.append(ipaddress.ip_network(word))
        except (ValueError, TypeError):
            continue
    return tuple(found)


def _servers(tree: Tree, root: Json, private: Networks, seen: dict[str, Path]) -> Iterator[Mistake]:
    for number, item in enumerate(listed(root, "servers")):
        path, text = _url(("servers", number), item)
        if isinstance(text, str):
            yield from _address(tree, path, text, "https", private, seen)


def _url(path: Path, item: Json) -> tuple[Path, Json]:
    """Where the URL of a server or relay stands, and what stands there."""
    return ((*path, "url"), item.get("url")) if isinstance(item, dict) else (path, item)


def _names(tree: Tree, root: Json) -> Iterator[Mistake]:
    """A name means one server, and no group besides."""
    names: dict[str, Path] = {}
    groups = {g for item in listed(root, "servers") for g in listed(item, "groups")}
    for key in ("servers", "index_relays"):
        for number, item in enumerate(listed(root, key)):
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str):
                continue
            path: Path = (key, number, "name")
            yield from _twice(tree, path, name, names, remedy="give every server its own name")
            if name in groups:
                message = f"{show(name)} is the name of a group, too"
                yield tree.at_value(path, message, "rename one of them, or leave the name out")


def _relays(
    tree: Tree, root: Json, private: Networks, servers: dict[str, Path]
) -> Iterator[Mistake]:
    seen: dict[str, Path] = {}
    for number, item in enumerate(listed(root, "index_relays")):
        path, text = _url(("index_relays", number), item)
        if not isinstance(text, str):
            continue
        yield from _address(tree, path, text, "wss", private, seen)
        url = _canonical(text)
        if url in servers:
            message = f"{show(text)} is also a server (line {tree.line(servers[url])})"
            remedy = "remove it here: servers are asked anyway"
            yield tree.at_value(path, message, remedy)


def _address(
    tree: Tree, path: Path, text: str, scheme: str, private: Networks, seen: dict[str, Path]
) -> Iterator[Mistake]:
    """Judge one URL and remember it under its canonical form."""
    try:
        url = urls.canonical(text)
    except PeerFault as fault:
        yield tree.at_value(path, f"{show(text)}: {fault}", _url_remedy(text, scheme))
        return
    if "/npub1" in url:
        remedy = f"write only the server: {url.partition('/npub1')[0]}"
        yield tree.at_value(path, f"{show(text)} is a repository, not a server", remedy)
    elif scheme == "wss" and text.lower().startswith("http"):
        yield tree.at_value(path, f"{show(text)} is not a relay URL", f"write {urls.relay(url)}")
    else:
        yield from _plain(tree, private, scheme, path, text, url)
    if url in seen:
        message = f"{show(text)} stands here twice (first in line {tree.line(seen[url])})"
        yield tree.at_value(path, message, "keep one of the two")
    seen.setdefault(url, path)


def _plain(
    tree: Tree, private: Networks, scheme: str, path: Path, text: str, url: str
) -> Iterator[Mistake]:
    """A URL that is not encrypted, outside the networks where it may be."""
    if url.startswith("http:") and not _is_private(url, private):
        network = "127.0.0.0/8" if _loopback(url) else "the network of its address"
        remedy = f"write {scheme}://…, or list {network} in policies.egress.allow_private"
        yield tree.at_value(path, f"{show(text)} is not encrypted", remedy)


def _url_remedy(text: str, scheme: str) -> str:
    fixed = f"{scheme}://{text.strip()}"
    if "://" not in text and _canonical(fixed) is not None:
        return f"write {fixed}"
    return f"write it like {scheme}://git.example.org"


def _canonical(text: str) -> str | None:
    try:
        return urls.canonical(text)
    except PeerFault:
        return None


def _is_private(url: str, private: Networks) -> bool:
    """A literal address in an allowed network, as the run will demand of what it connects to. Names
    but `localhost` would need the DNS."""
    address = _literal(url)
    return address is not None and any(address in network for network in private)


def _loopback(url: str) -> bool:
    address = _literal(url)
    return address is not None and address.is_loopback


def _literal(url: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None


def _npubs(tree: Tree, root: Json) -> Iterator[Mistake]:
    keys: dict[str, Path] = {}
    names: dict[str, Path] = {}
    for number, item in enumerate(listed(root, "npubs")):
        if not isinstance(item, dict):
            continue
        path = ("npubs", number)
        if isinstance(text := item.get("npub"), str):
            yield from _npub(tree, (*path, "npub"), text, keys)
        if isinstance(name := item.get("name"), str):
            yield from _twice(tree, (*path, "name"), name, names)
        if isinstance(signer := item.get("signer"), str) and _is_secret(signer):
            message = "a secret key stands where the name of a key belongs"
            yield tree.at_value((*path, "signer"), message, LEAK_REMEDY)


def _npub(tree: Tree, path: Path, text: str, seen: dict[str, Path]) -> Iterator[Mistake]:
    if special := _not_an_npub(text):
        yield tree.at_value(path, *special)
        return
    try:
        pubkey = nip19.pubkey(text)
    except PeerFault as fault:
        remedy = "copy it again from the owner's profile"
        yield tree.at_value(path, f"{show(text)} is no npub: {fault}", remedy)
        return
    yield from _twice(tree, path, pubkey, seen, text)


def _twice(
    tree: Tree,
    path: Path,
    value: str,
    seen: dict[str, Path],
    text: str | None = None,
    remedy: str = "give every owner one entry and one name",
) -> Iterator[Mistake]:
    if value in seen:
        line = tree.line(seen[value])
        message = f"{show(text or value)} stands here twice (first in line {line})"
        yield tree.at_value(path, message, remedy)
    seen.setdefault(value, path)


def _not_an_npub(text: str) -> tuple[str, str] | None:
    """Message and remedy for the things that people paste instead of an npub."""
    word = text.lower().removeprefix("nostr:")
    if SECRET.search(text):
        return "a secret key stands where an npub belongs", LEAK_REMEDY
    if is_hex32(word):
        return "a hex key, which cannot be told from a secret key", _GIVE_NPUB
    if word.startswith(_NIP19_KINDS):
        return f"{show(text)} is {word.partition('1')[0]}, not npub", _GIVE_NPUB
    if "://" in text:
        return f"{show(text)} is a URL, not an npub", _GIVE_NPUB
    if "@" in text:
        return f"{show(text)} is a name that its domain can give to others", _GIVE_NPUB
    if word != text.lower():
        return f"{show(text)} has a scheme in front", f"leave out nostr: and {_GIVE_NPUB}"
    return None


def _is_secret(text: str) -> bool:
    return SECRET.search(text) is not None or is_hex32(text.lower())


def _event_kinds(tree: Tree, events: dict[str, Json]) -> Iterator[Mistake]:
    for number, kind in enumerate(listed(events, "kinds")):
        if kind in (kinds.ANNOUNCEMENT, kinds.STATE):
            message = f"kind {kind} is always mirrored"
        elif isinstance(kind, int) and kinds.is_ephemeral(kind):
            message = f"kind {kind} is ephemeral: no relay stores it"
        else:
            continue
        yield tree.at_value(("policies", "events", "kinds", number), message, "leave it out")


def _dates(tree: Tree, root: Json) -> Iterator[Mistake]:
    holds = listed(section(root, "policies"), "holds")
    places: list[tuple[Path, Json]] = [
        (("policies", "holds", number), item) for number, item in enumerate(holds)
    ]
    for number, server in enumerate(listed(root, "servers")):
        places.append((("servers", number, "paused"), section(server, "paused")))
    for path, item in places:
        until = item.get("until") if isinstance(item, dict) else None
        if isinstance(until, str) and not dates.is_date(until):
            remedy = "write it as YYYY-MM-DD: the last day on which this holds (UTC)"
            yield tree.at_value((*path, "until"), f"{show(until)} is no date", remedy)


def _networks(tree: Tree, words: list[Json]) -> Iterator[Mistake]:
    for number, word in enumerate(words):
        if isinstance(word, str) and (wrong := _network(word)):
            path = ("policies", "egress", "allow_private", number)
            yield tree.at_value(path, f"{show(word)} {wrong[0]}", wrong[1])


def _network(word: str) -> tuple[str, str] | None:
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        return "is no network", "write it in CIDR form, like 192.168.0.0/16"
    if network.prefixlen == 0:
        return "allows every address", "name the private networks that are needed"
    if str(network.network_address) != word.partition("/")[0] and "/" in word:
        if network.network_address == ipaddress.ip_address(word.partition("/")[0]):
            return None  # another spelling of the same address
        return "has bits set behind its prefix", f"write {network}"
    return None
