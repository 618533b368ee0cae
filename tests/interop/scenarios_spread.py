"""Repositories that some servers have and others not: the mixed fleet, and newcomers."""

from __future__ import annotations

from tests.kit.outsiders import JsonEvent

from . import judge
from .programs import FAMILIES
from .scenario import converge, scenario
from .world import DEV, MAIN, World, require


@scenario("happy path, mixed fleet")
def happy(world: World) -> str:
    """Two owners; in sync, behind, ahead, and missing; branches and annotated tags."""
    servers = world.fleet()
    alice, bob = world.person("alice"), world.person("bob")
    world.repo(alice, "same")
    behind = world.repo(alice, "behind")
    world.advance(
        behind,
        {
            **behind.refs,
            MAIN: behind.source.commit("next", behind.refs[MAIN]),
            "refs/tags/v2": behind.source.tag("v2", behind.refs[MAIN]),
        },
        [world.of("khatru", "ngit-relay")],
    )
    world.repo(bob, "missing", servers[:1], listed=servers)
    world.repo(bob, "unlisted", servers[-1:])
    done = converge(world)
    return f"{len(servers)} servers, {done.report['planned']} actions planned"


def _joins(family: str) -> None:
    @scenario(f"a new empty {family} joins", family)
    def joins(world: World) -> None:
        """The announcement is signed anew: only `clone` and `relays` change."""
        old = world.fleet(next((f for f in world.programs.servers if f != family), family))
        alice = world.person("alice")
        repos = [world.repo(alice, name, old) for name in ("one", "two")]
        odd = ("web", "https://example.org/a?b=c"), ("t", "x"), ("zzz", "1", "2")
        extra = alice.announce("three", [s.host for s in old], at=world.now - 9000, extra=odd)
        repos.append(world.repo(alice, "three", old))
        extra = alice.announce("three", [s.host for s in old], at=world.now - 8900, extra=odd)
        for server in old:
            world.must_take(server, extra)
        repos[-1].announcement = extra
        world.server(family)
        converge(world)
        for repo in repos:
            (now, *_) = judge.ask(old[0].relay_url, kinds=[30617], authors=[alice.pubkey])
            for event in judge.ask(old[0].relay_url, kinds=[30617], authors=[alice.pubkey]):
                if judge.tag(event, "d") == [repo.identifier]:
                    now = event
            require(_rest(now) == _rest(repo.announcement), f"{repo.identifier}: tags were lost")


def _rest(event: JsonEvent) -> list[list[str]]:
    return [t for t in event["tags"] if t[0] not in ("clone", "relays")]


for _family in FAMILIES:
    _joins(_family)


@scenario("a state adds and drops at once")
def add_and_drop(world: World) -> None:
    """Objects come and a branch goes, on one server only; ngit-grasp must fetch for itself."""
    servers = world.fleet()
    first = world.of("khatru", "ngit-relay")
    require(first.family != "ngit-grasp" or len(servers) > 1, "needs another family")
    repo = world.repo(world.person("alice"), "widget")
    refs = {n: o for n, o in repo.refs.items() if n != DEV}
    refs[MAIN] = repo.source.commit("next", repo.refs[MAIN])
    world.advance(repo, refs, [first])
    converge(world, runs=2)
