"""Kind 30617: what counts as listed, which identifiers live, and what the OK says."""

from __future__ import annotations

from dataclasses import replace

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import MAIN, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some
from reconciler.nostr import kinds, nip19, urls

PARKED = "purgatory: won't be served until git data arrives"


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
    "host:port anywhere in the values",
    {
        SPEC: (False, 404),
        NGIT: (True, 200),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def substring(stage: Stage) -> object:
    host, _, _ = hosts(stage)
    return listing(stage, f"https://x/?{host}", f"wss://x/?{host}")


@row(
    "1.1-path",
    "the npub and identifier of the clone path",
    {
        SPEC: (False, 404),
        NGIT: (True, 200),
        RELAY: (True, 200),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def path(stage: Stage) -> object:
    return listing(stage, f"{stage.server.url}/", stage.server.relay_url)


@row(
    "1.1-scheme",
    "the scheme",
    {
        SPEC: (False, 404),
        NGIT: (True, 200),
        RELAY: (True, 200),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def scheme(stage: Stage) -> object:
    host, clone, _ = hosts(stage)
    return listing(stage, clone.replace("http:", "https:"), f"wss://{host}")


@row(
    "1.1-port",
    "a port that is left out",
    {
        SPEC: (False, 404),
        NGIT: (False, 404),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def port(stage: Stage) -> object:
    return listing(stage, f"http://127.0.0.1/NPUB/{stage.name}.git", "ws://127.0.0.1")


@row(
    "1.1-case",
    "an upper-case host: in clone, and in relays",
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
    second = stage.other(host="localhost")
    _, clone, relay = hosts(second)
    shouted = (clone.replace("localhost", "LOCALHOST"), relay.replace("localhost", "LOCALHOST"))
    found = [listing(second, shouted[0], relay), listing(second, clone, shouted[1])]
    second.stop()
    return found


@row("1.1-percent", "a clone path with more encoded than it needs", all_of((True, 200)))
def percent(stage: Stage) -> object:
    _, clone, relay = hosts(stage)
    return listing(stage, clone.replace("widget", "%77idg%65t"), relay)


@row("1.1-slash", "a slash at the end", all_of((True, 200)))
def slash(stage: Stage) -> object:
    _, clone, relay = hosts(stage)
    return listing(stage, f"{clone}/", f"{relay}/")


@row(
    "1.1-one-of-two",
    "clone alone, without relays",
    {
        SPEC: (False, 404),
        NGIT: (False, 404),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def one_of_two(stage: Stage) -> object:
    return listing(stage, hosts(stage)[1], "wss://elsewhere.example")


@row("1.1-clone-tags", "several clone tags", all_of((True, 200), ngit_grasp=(False, 404)))
def clone_tags(stage: Stage) -> object:
    _, clone, relay = hosts(stage)
    return listing(stage, clone, relay, ("clone", "https://b.example/x.git"))


@row("1.1-relays-tags", "several relays tags", all_of((True, 200)))
def relays_tags(stage: Stage) -> object:
    _, clone, relay = hosts(stage)
    return listing(stage, clone, "wss://b.example", ("relays", relay))


@row(
    "1.3-new",
    "the OK to a new one",
    all_of((True, ""), spec=(True, PARKED), ngit_grasp=(True, PARKED)),
)
def new(stage: Stage) -> object:
    return stage.publish(stage.person().announce(stage.server, stage.name))[0]


@row("1.3-served", "is it served before any push?", all_of(True, spec=False, ngit_grasp=False))
def served(stage: Stage) -> object:
    return stage.serves(stage.announce(stage.person()))


@row(
    "1.3-again",
    "the same one once it is stored",
    all_of(
        (True, ""),
        spec=(True, "duplicate: already have this event"),
        ngit_grasp=(True, "duplicate: already have this event"),
    ),
)
def again(stage: Stage) -> object:
    owner = stage.person()
    event = stage.announce(owner)
    stage.advance(owner, {MAIN: stage.trunk.commits[0]})
    stage.later(1)
    return stage.publish(event)[0]


@row("1.3-newer", "a newer one once it is stored", all_of((True, "")))
def newer(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.publish(owner.announce(stage.server, stage.name, at=NOW + 5))[0]


@row(
    "1.3-older",
    "an older one than the stored",
    {
        SPEC: (True, "duplicate: a newer version is stored"),
        NGIT: (False, "error: unknown"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: (True, "duplicate: a newer version is stored"),
    },
)
def older(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.publish(owner.announce(stage.server, stage.name, at=NOW - 5))[0]


@row(
    "1.3-parked-older",
    "an older one than the waiting: which is promoted",
    {SPEC: NOW, NGIT: NOW - 5},
)
def parked_older(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    stage.publish(owner.announce(stage.server, stage.name, at=NOW - 5))
    stage.advance(owner, {MAIN: stage.trunk.commits[0]})
    (found,) = stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    return found.created_at


@row(
    "1.3-parked-again",
    "the same one while it waits: the OK, and its 30 minutes begin anew: status after 33",
    some(((True, PARKED), 200), SPEC, NGIT),
)
def parked_again(stage: Stage) -> object:
    owner = stage.person()
    event = stage.announce(owner)
    stage.later(1000)
    answer = stage.publish(event)[0]
    stage.later(1000)
    return answer, stage.status(owner)


@row(
    "1.3-exception",
    "a co-maintainer's that does not list the service: (accepted, status)",
    {
        SPEC: (True, 404),
        NGIT: (True, 404),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def exception(stage: Stage) -> object:
    owner, friend = stage.person(), stage.person()
    stage.host(owner, None, stage.name, friend)
    event = friend.sign(kinds.ANNOUNCEMENT, ("d", stage.name), ("clone", "https://b.example/x.git"))
    return stage.accepts(event)[0], stage.status(friend)


@row(
    "1.3-related",
    "one that is related to a stored event, and does not list the service",
    {SPEC: False, NGIT: False, RELAY: False, KHATRU: True, GITEA: True},
)
def related(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    other = stage.person().sign(kinds.ANNOUNCEMENT, ("d", "fork"), stage.about(owner))
    return stage.accepts(other)[0]


@row(
    "1.3-dropped",
    "a newer one without the service: (accepted, which is served, status)",
    {
        SPEC: (False, NOW, 200),
        NGIT: (True, NOW + 9, 200),
        RELAY: (False, NOW, 200),
        KHATRU: (True, NOW + 9, 200),
        GITEA: (True, NOW + 9, 404),
    },
)
def dropped(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    gone = owner.sign(
        kinds.ANNOUNCEMENT, ("d", stage.name), ("clone", "https://b.example/x.git"), at=NOW + 9
    )
    accepted = stage.accepts(gone)[0]
    (found,) = stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    return accepted, found.created_at, stage.status(owner)


@row("1.3-withdrawn", "the same while it waits: status", {SPEC: 404, NGIT: 404})
def withdrawn(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    stage.publish(owner.sign(kinds.ANNOUNCEMENT, ("d", stage.name), at=NOW + 9))
    return stage.status(owner)


@row(
    "1.3-later",
    "how long after the OK the repository is made; with 9 s instead: its status then, and later",
    all_of((0.0, 200, 200), ngit_relay=(0.05, 404, 200)),
)
def later(stage: Stage) -> object:
    rules = stage.preset.announcements
    slow = replace(rules, creation_seconds=rules.creation_seconds and 9.0)
    second = stage.other(dialect=replace(stage.preset, announcements=slow))
    owner = second.person()
    second.publish(owner.announce(second.server, stage.name))
    first = second.status(owner)
    second.later(10)
    found = rules.creation_seconds, first, second.status(owner)
    second.stop()
    return found


@row(
    "1.3-head",
    "HEAD of an empty repository: what git makes of it without being told",
    all_of("ref: refs/heads/master", khatru="none before a push"),
)
def empty_head(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    assert stage.status(owner) == 200
    file = stage.files(owner) / "HEAD"
    return file.read_text().strip() if file.exists() else "none before a push"


@row("1.3-soft", "30 minutes without data, and after a state: status", some((404, 200), SPEC, NGIT))
def soft(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    stage.later(1801)
    first = stage.status(owner)
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}))
    return first, stage.status(owner)


@row("1.3-forgotten", "a day later a state revives nothing", some(False, SPEC, NGIT), read=(NGIT,))
def forgotten(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    stage.later(1801)
    stage.later(86_401)
    return stage.accepts(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}))[0]


@row(
    "1.3-provisions",
    "eleven new repositories in an hour: the last one's status",
    all_of(200, gitea=404),
)
def provisions(stage: Stage) -> object:
    owner = stage.person()
    for number in range(11):
        stage.publish(owner.announce(stage.server, f"r{number}"))
    stage.clock.advance(1)
    return stage.status(owner, "r10")
