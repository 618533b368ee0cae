"""Kind 30617: what counts as listed (§1.1)."""

from __future__ import annotations

from reconciler.conformance.stage import Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row
from reconciler.nostr import kinds, nip19, urls


def listing(stage: Stage, clone: str, relay: str, *more: tuple[str, ...]) -> tuple[bool, int]:
    """Whether an announcement with these values is accepted, and the status of its listing."""
    owner = stage.person()
    clone = clone.replace("NPUB", nip19.npub(owner.pubkey))
    tags = ("d", stage.name), ("clone", clone), ("relays", relay)
    accepted = stage.accepts(owner.sign(kinds.ANNOUNCEMENT, *tags, *more))[0]
    stage.clock.advance(1)
    return accepted, stage.status(owner)


def hosts(stage: Stage) -> tuple[str, str, str]:
    """host:port, clone URL pattern and relay URL of the server."""
    return (
        urls.host(stage.server.url),
        f"{stage.server.url}/NPUB/{stage.name}.git",
        stage.server.relay_url,
    )


@row(
    "1.1-substring",
    {
        SPEC: (False, 404),
        NGIT: (True, 200),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def substring(stage: Stage) -> object:
    """host:port anywhere in the values"""
    host, _, _ = hosts(stage)
    return listing(stage, f"https://x/?{host}", f"wss://x/?{host}")


@row(
    "1.1-path",
    {
        SPEC: (False, 404),
        NGIT: (True, 200),
        RELAY: (True, 200),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def path(stage: Stage) -> object:
    """the npub and identifier of the clone path"""
    return listing(stage, f"{stage.server.url}/", stage.server.relay_url)


@row(
    "1.1-scheme",
    {
        SPEC: (False, 404),
        NGIT: (True, 200),
        RELAY: (True, 200),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def scheme(stage: Stage) -> object:
    """the scheme"""
    host, clone, _ = hosts(stage)
    return listing(stage, clone.replace("http:", "https:"), f"wss://{host}")


@row(
    "1.1-port",
    {
        SPEC: (False, 404),
        NGIT: (False, 404),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def port(stage: Stage) -> object:
    """a port that is left out"""
    return listing(stage, f"http://127.0.0.1/NPUB/{stage.name}.git", "ws://127.0.0.1")


@row(
    "1.1-case",
    {
        SPEC: [(True, 200), (True, 200)],
        NGIT: [(False, 404), (False, 404)],
        RELAY: [(False, 404), (False, 404)],
        KHATRU: [(True, 200), (True, 200)],
        GITEA: [(True, 404), (True, 200)],
    },
    read=(RELAY, KHATRU),
)
def upper_case(stage: Stage) -> object:
    """an upper-case host: in clone, and in relays"""
    second = stage.other(host="localhost")
    _, clone, relay = hosts(second)
    shouted = (clone.replace("localhost", "LOCALHOST"), relay.replace("localhost", "LOCALHOST"))
    found = [listing(second, shouted[0], relay), listing(second, clone, shouted[1])]
    second.stop()
    return found


@row("1.1-percent", all_of((True, 200)))
def percent(stage: Stage) -> object:
    """a clone path with more encoded than it needs"""
    _, clone, relay = hosts(stage)
    return listing(stage, clone.replace("widget", "%77idg%65t"), relay)


@row("1.1-slash", all_of((True, 200)))
def slash(stage: Stage) -> object:
    """a slash at the end"""
    _, clone, relay = hosts(stage)
    return listing(stage, f"{clone}/", f"{relay}/")


@row(
    "1.1-one-of-two",
    {
        SPEC: (False, 404),
        NGIT: (False, 404),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def one_of_two(stage: Stage) -> object:
    """clone alone, without relays"""
    return listing(stage, hosts(stage)[1], "wss://elsewhere.example")


@row("1.1-clone-tags", all_of((True, 200), ngit_grasp=(False, 404)))
def clone_tags(stage: Stage) -> object:
    """several clone tags"""
    _, clone, relay = hosts(stage)
    return listing(stage, clone, relay, ("clone", "https://b.example/x.git"))


@row("1.1-relays-tags", all_of((True, 200)))
def relays_tags(stage: Stage) -> object:
    """several relays tags"""
    _, clone, relay = hosts(stage)
    return listing(stage, clone, "wss://b.example", ("relays", relay))
