"""Names in the document that refer to other parts of it: owners, groups and servers."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from reconciler.desired.places import Path, Tree
from reconciler.desired.wording import one_of, show
from reconciler.errors import Mistake, PeerFault
from reconciler.limits import IDENTIFIER_BYTES
from reconciler.nostr import urls
from reconciler.nostr.strictjson import Json


def check_references(
    tree: Tree, root: dict[str, Json], servers: tuple[str, ...]
) -> Iterator[Mistake]:
    """Unknown owners, groups and servers, and more replicas than servers.

    `servers` are the canonical URLs of the document's servers.
    """
    owners = [npub["name"] for npub in root.get("npubs") or [] if npub and "name" in npub]
    groups = (*_groups(root), *_names(root))
    for number, npub in enumerate(root.get("npubs") or []):
        for word in ("allow", "block"):
            chosen = ((npub or {}).get("servers") or {}).get(word) or []
            yield from _picks(tree, ("npubs", number, "servers", word), chosen, groups, servers)
    for key, rule in (root.get("repositories") or {}).items():
        yield from _owner(tree, key, owners)
        for word in ("allow", "block"):
            path = ("repositories", key, "servers", word)
            chosen = ((rule or {}).get("servers") or {}).get(word) or []
            yield from _picks(tree, path, chosen, groups, servers)
    yield from _replicas(tree, (root.get("policies") or {}).get("replicas"), len(servers))


def split_key(key: str) -> tuple[str, str]:
    """Owner's name and identifier of a key under `repositories`."""
    owner, _, identifier = key.partition("/")
    return owner, identifier


def _groups(root: dict[str, Json]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for server in root.get("servers") or []:
        if isinstance(server, dict):
            found.update(dict.fromkeys(g for g in server.get("groups") or [] if g))
    return tuple(found)


def _names(root: dict[str, Json]) -> Iterator[str]:
    for server in root.get("servers") or []:
        if isinstance(server, dict) and server.get("name"):
            yield server["name"]


def _owner(tree: Tree, key: str, owners: list[str]) -> Iterator[Mistake]:
    path = ("repositories", key)
    owner, identifier = split_key(key)
    if not owner or not identifier:
        message = f"{show(key)} is not <npub name>/<identifier>"
        yield tree.at_key(path, message, f"write it like {(owners or ['alice'])[0]}/widget")
        return
    if not any(fnmatchcase(known, owner) for known in owners):
        remedy = one_of(owner, owners, "names under npubs")
        yield tree.at_key(path, f"{show(owner)} is no name of an npub", remedy)
    if identifier in (".", "..") or any(c in identifier for c in "/\\\0"):
        message = f"no server can host the identifier {show(identifier)}"
        yield tree.at_key(path, message, "write the d tag of the repository's announcement")
    if len(identifier.encode("utf-8", "surrogatepass")) > IDENTIFIER_BYTES:
        message = f"the identifier is longer than {IDENTIFIER_BYTES} bytes"
        yield tree.at_key(path, message, "write the d tag of the repository's announcement")


def _picks(
    tree: Tree, path: Path, words: list[Json], groups: tuple[str, ...], servers: tuple[str, ...]
) -> Iterator[Mistake]:
    for number, word in enumerate(words):
        if not isinstance(word, str) or word in groups:
            continue
        try:
            if urls.canonical(word) in servers:
                continue
        except PeerFault:
            pass  # neither a group nor a URL
        remedy = _pick_remedy(word, groups, servers)
        message = f"{show(word)} is neither a group nor one of the servers"
        yield tree.at_value((*path, number), message, remedy)


def _pick_remedy(word: str, groups: tuple[str, ...], servers: tuple[str, ...]) -> str:
    by_host = {urls.host(server): server for server in servers}
    if word in by_host:
        return f"write the whole URL: {by_host[word]}"
    return one_of(word, (*groups, *servers), "groups and servers")


def _replicas(tree: Tree, wanted: Json, servers: int) -> Iterator[Mistake]:
    if type(wanted) is int and wanted > servers:
        path = ("policies", "replicas")
        message = f"{wanted} replicas cannot stand on {servers} servers"
        yield tree.at_value(path, message, f"write all, or a number up to {servers}")
