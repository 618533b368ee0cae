"""Do the sources of a document make sense? Each names one repository on a host that is no server of
the fleet, and adopting from it needs somebody who signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.desired.places import Path, Tree
from reconciler.desired.references import split_key
from reconciler.desired.wording import show
from reconciler.errors import Mistake, PeerFault
from reconciler.nostr import urls
from reconciler.nostr.strictjson import Json

ADOPT = "adopt"
_GLOB = "*?["


def check_sources(
    tree: Tree,
    root: dict[str, Json],
    servers: tuple[str, ...],
    plain: Callable[[Path, str, str], Iterator[Mistake]],
) -> Iterator[Mistake]:
    """All mistakes about sources.

    Args:
        tree: where things stand.
        root: the document with holes.
        servers: canonical URLs of its servers.
        plain: from a place, its text and its canonical URL: what is wrong with one that is not
            encrypted.
    """
    rules = root.get("repositories")
    for key, rule in (rules if isinstance(rules, dict) else {}).items():
        if isinstance(rule, dict):
            yield from _rule(tree, key, rule, servers, plain)
            yield from _words(tree, root, key, rule)


def _rule(
    tree: Tree,
    key: str,
    rule: dict[str, Json],
    servers: tuple[str, ...],
    plain: Callable[[Path, str, str], Iterator[Mistake]],
) -> Iterator[Mistake]:
    text = rule.get("source")
    if not isinstance(text, str):
        return
    path: Path = ("repositories", key, "source")
    try:
        url = urls.source(text)
    except PeerFault as fault:
        remedy = "write it like https://git.example.org/alice/widget.git"
        yield tree.at_value(path, f"{show(text)}: {fault}", remedy)
        return
    yield from plain(path, text, url)
    if any(url.startswith(f"{server}/npub1") for server in servers):
        message = f"{show(text)} is on one of the servers, and no server says what is to be signed"
        yield tree.at_value(path, message, "name the host that the repository comes from")
    if any(char in key for char in _GLOB):
        message = f"{show(key)} means several repositories, and a source is one"
        yield tree.at_key(("repositories", key), message, "write an entry for each repository")


def _words(tree: Tree, root: dict[str, Json], key: str, rule: dict[str, Json]) -> Iterator[Mistake]:
    """Words that mean nothing without others."""
    path: Path = ("repositories", key)
    if "source" not in rule:
        for word in ("states", "rewrites", "name", "description", "web"):
            if word in rule:
                message = f"{word} means nothing without a source"
                yield tree.at_key((*path, word), message, "add source: https://…, or leave it out")
        return
    owner = _owner(root, split_key(key)[0])
    if owner is not None and adopts(root, owner, rule) and "signer" not in owner:
        message = "states are to be adopted, and the owner has no signer"
        remedy = "name the owner's key as signer under npubs, or write states: follow"
        yield tree.at_key((*path, "source"), message, remedy)


def adopts(root: dict[str, Json], owner: dict[str, Json], rule: dict[str, Json]) -> bool:
    """Are states signed from this rule's source? The nearest word counts."""
    policies = root.get("policies")
    default = policies.get("states") if isinstance(policies, dict) else None
    return bool((rule.get("states") or owner.get("states") or default) == ADOPT)


def _owner(root: dict[str, Json], name: str) -> dict[str, Json] | None:
    npubs = root.get("npubs")
    found = (n for n in (npubs if isinstance(npubs, list) else []) if isinstance(n, dict))
    return next((npub for npub in found if npub.get("name") == name), None)
