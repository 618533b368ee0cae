"""From a document that holds no mistake to the value that the stages work with."""

from __future__ import annotations

import ipaddress
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


def build(root: dict[str, Json], digest: str) -> Desired:
    """The desired state; `digest` is the SHA-256 of its text."""
    policies = root.get("policies", {})
    throttle = policies.get("throttle", {})
    npubs = tuple(map(_npub, root["npubs"]))
    return Desired(
        digest=digest,
        servers=tuple(_server(item, throttle) for item in root["servers"]),
        npubs=npubs,
        index_relays=tuple(map(urls.canonical, root.get("index_relays", ()))),
        rules=tuple(_rule(root, key, rule) for key, rule in root.get("repositories", {}).items()),
        policies=_policies(policies),
    )


def _server(item: Json, defaults: dict[str, int]) -> Server:
    given: dict[str, Json] = {"url": item} if isinstance(item, str) else item
    throttle = Throttle(**(defaults | given.get("throttle", {})))
    paused = given.get("paused")
    pause = Pause(paused["reason"], dates.end(paused["until"])) if paused else None
    delegates = given.get("delegate", "auto") == "auto"
    groups = tuple(given.get("groups", ()))
    return Server(urls.canonical(given["url"]), groups, throttle, pause, delegates)


def _npub(item: dict[str, Json]) -> Npub:
    selection = item.get("repositories", _ALL)
    globs = {} if selection == _ALL else selection
    allow, block = _places(item.get("servers", {}))
    return Npub(
        pubkey=nip19.pubkey(item["npub"]),
        name=item["name"],
        signer=item.get("signer"),
        include=tuple(globs.get("include", ("*",))),
        exclude=tuple(globs.get("exclude", ())),
        allow=allow,
        block=block,
    )


def _rule(root: dict[str, Json], key: str, rule: dict[str, Json]) -> Rule:
    source = _source(root, split_key(key)[0], rule) if "source" in rule else None
    return Rule(key, *_places(rule.get("servers", {})), source)


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


def _places(servers: dict[str, Json]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """What is allowed (None: everything) and what is blocked."""
    allow = tuple(map(_pick, servers["allow"])) if "allow" in servers else None
    return allow, tuple(map(_pick, servers.get("block", ())))


def _hold(item: dict[str, Json]) -> AcceptedHold:
    return AcceptedHold(HoldReason(item["reason"]), item["where"], dates.end(item["until"]))


def _pick(word: str) -> str:
    """A group as it stands, a server URL in canonical form."""
    return urls.canonical(word) if "://" in word else word


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
