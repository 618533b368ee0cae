"""From a document that holds no mistake to the value that the stages work with."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.desired import dates
from reconciler.desired.references import split_key
from reconciler.desired.sources import adopts
from reconciler.model.desired import (
    AcceptedHold,
    Desired,
    Npub,
    Pause,
    Policies,
    Rule,
    Safety,
    Server,
    Source,
    Throttle,
)
from reconciler.model.plan import HoldReason
from reconciler.nostr import kinds, nip19, urls
from reconciler.nostr.strictjson import Json

_ALL: Final = "all"
Called = Mapping[str, str]
"""Canonical URLs of servers by the names that the file gives them."""


def build(root: dict[str, Json], digest: str) -> Desired:
    """The desired state; `digest` is the SHA-256 of its text."""
    policies = root.get("policies", {})
    throttle = policies.get("throttle", {})
    relays = root.get("index_relays", ())
    names = _names([*root["servers"], *relays])
    called = {name: url for url, name in names}
    return Desired(
        digest=digest,
        servers=tuple(_server(item, throttle) for item in root["servers"]),
        npubs=tuple(_npub(item, called) for item in root["npubs"]),
        index_relays=tuple(urls.canonical(_given(item)["url"]) for item in relays),
        names=names,
        rules=tuple(
            _rule(root, key, rule, called) for key, rule in root.get("repositories", {}).items()
        ),
        policies=_policies(policies),
    )


def _server(item: Json, defaults: dict[str, int]) -> Server:
    given = _given(item)
    throttle = Throttle(**(defaults | given.get("throttle", {})))
    paused = given.get("paused")
    pause = Pause(paused["reason"], dates.end(paused["until"])) if paused else None
    delegates = given.get("delegate", "auto") == "auto"
    groups = tuple(given.get("groups", ()))
    return Server(urls.canonical(given["url"]), groups, throttle, pause, delegates)


def _given(item: Json) -> dict[str, Json]:
    """A server or relay; a URL alone says no more."""
    return {"url": item} if isinstance(item, str) else dict(item)


def _names(items: Iterable[Json]) -> tuple[tuple[str, str], ...]:
    found = map(_given, items)
    return tuple((urls.canonical(one["url"]), one["name"]) for one in found if "name" in one)


def _npub(item: dict[str, Json], called: Called) -> Npub:
    selection = item.get("repositories", _ALL)
    globs = {} if selection == _ALL else selection
    allow, block = _places(item.get("servers", {}), called)
    return Npub(
        pubkey=nip19.pubkey(item["npub"]),
        name=item["name"],
        signer=item.get("signer"),
        include=tuple(globs.get("include", ("*",))),
        exclude=tuple(globs.get("exclude", ())),
        allow=allow,
        block=block,
    )


def _rule(root: dict[str, Json], key: str, rule: dict[str, Json], called: Called) -> Rule:
    source = _source(root, split_key(key)[0], rule) if "source" in rule else None
    return Rule(key, *_places(rule.get("servers", {}), called), source)


def _source(root: dict[str, Json], name: str, rule: dict[str, Json]) -> Source:
    owner = next(npub for npub in root["npubs"] if npub["name"] == name)
    rewrites = rule.get("rewrites", ())
    return Source(
        url=urls.source(rule["source"]),
        adopt=adopts(root, owner, rule),
        rewrites=None if rewrites == _ALL else tuple(rewrites),
        name=rule.get("name", ""),
        description=rule.get("description", ""),
        web=tuple(rule.get("web", ())),
    )


def _places(
    servers: dict[str, Json], called: Called
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """What is allowed (None: everything) and what is blocked."""
    allow = tuple(_pick(w, called) for w in servers["allow"]) if "allow" in servers else None
    return allow, tuple(_pick(word, called) for word in servers.get("block", ()))


def _hold(item: dict[str, Json]) -> AcceptedHold:
    return AcceptedHold(HoldReason(item["reason"]), item["where"], dates.end(item["until"]))


def _pick(word: str, called: Called) -> str:
    """A group as it stands, a server by its canonical URL, whether URL or name stood there."""
    return urls.canonical(word) if "://" in word else called.get(word, word)


def _policies(given: dict[str, Json]) -> Policies:
    replicas = given.get("replicas", _ALL)
    wanted_kinds = given.get("events", {}).get("kinds", "default")
    networks = given.get("egress", {}).get("allow_private", ())
    return Policies(
        replicas=None if replicas == _ALL else replicas,
        announcements=given.get("announcements", "update"),
        pulls=given.get("pulls", True),
        event_kinds=kinds.MIRRORED if wanted_kinds == "default" else tuple(wanted_kinds),
        discover_servers=given.get("discover_servers", "report"),
        safety=Safety(**given.get("safety", {})),
        allow_private=tuple(str(ipaddress.ip_network(word)) for word in networks),
        deep=given.get("verify", {}).get("deep", 20),
        holds=tuple(map(_hold, given.get("holds", ()))),
    )
