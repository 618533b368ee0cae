"""More than one maintainer, and an announcement that only a server which is down has heard of."""

from __future__ import annotations

from tests.kit.outsiders import ANNOUNCEMENT

from . import judge
from .scenario import converge, idle, scenario
from .world import DEV, MAIN, World, require


@scenario("two maintainers, both ways")
def both_ways(world: World) -> str:
    """They list each other: the newest state wins where the family follows both; a stranger's newer
    one nowhere."""
    world.fleet()
    alice, bob = world.person("alice"), world.person("bob", owner=False)
    repo = world.repo(alice, "widget", None, bob)
    back = bob.announce("widget", [s.host for s in world.servers], alice, at=world.now - 8500)
    for server in world.servers:
        world.must_take(server, back)
    following = [s for s in world.servers if s.family != "khatru"]  # it follows the owner alone
    if not following:
        return "khatru alone: follows the owner only"
    refs = repo.refs | {MAIN: repo.source.commit("bob's", repo.refs[MAIN])}
    world.advance(repo, refs, following[:1], by=bob)
    mallory = world.person("mallory", owner=False)
    evil = mallory.declare("widget", {MAIN: repo.refs[DEV]}, at=world.now - 1000)
    for server in world.servers:
        judge.tell(server.relay_url, evil)
    if len(following) == len(world.servers):
        converge(world)
        return "followed everywhere"
    converge(world, *following, codes=(0, 7))  # khatru's cell is held, and stays so
    return "khatru follows the owner only, and is held"


@scenario("two maintainers, one way")
def one_way(world: World) -> str:
    """The owner lists bob, who has not announced; servers take his state all the same. It is
    followed, or somebody is told; never is it rolled back."""
    world.fleet()
    alice, bob = world.person("alice"), world.person("bob", owner=False)
    repo = world.repo(alice, "widget", None, bob)
    first = world.of("ngit-grasp", "ngit-relay")
    if first.family == "khatru":
        return "khatru alone: follows the owner only"
    refs = repo.refs | {MAIN: repo.source.commit("bob's", repo.refs[MAIN])}
    world.advance(repo, refs, [first], by=bob)
    plan = world.reconcile("--plan", "-v")
    old = repo.source.ask("rev-parse", f"{repo.refs[MAIN]}^")
    back = f"{repo.refs[MAIN][:10]} -> {old[:10]}"
    require(back not in plan.out.replace("→", "->"), f"the plan rolls bob's work back: {back}")
    done = world.reconcile("--apply")
    seen = judge.listing(repo.url(first))
    require(seen and seen.refs[MAIN] == repo.refs[MAIN], "bob's work was rolled back")
    idle(world, (done.code,))
    left = world.complaints(*(s for s in world.servers if s.family != "khatru"))
    if not left:
        return "followed"
    names = (bob.npub, bob.pubkey, bob.npub[:16], bob.pubkey[:16])
    require(any(name in done.text for name in names), f"nobody is told of bob: {left[:2]}")
    return "held, and said"


@scenario("an outdated announcement is not signed")
def outdated(world: World) -> None:
    """The owner drops bob, and only a server that is down then has heard of it: while a listed
    server is unknown nothing may be signed that undoes the owner's word."""
    servers = world.fleet()
    alice, bob = world.person("alice"), world.person("bob", owner=False)
    repo = world.repo(alice, "widget", None, bob)
    newer = alice.announce("widget", [s.host for s in servers], at=world.now - 5000)
    servers[0].stop()
    servers[0].start()
    world.must_take(servers[0], newer)
    servers[0].stop()
    world.server(servers[-1].family)
    world.reconcile("--apply")
    for server in world.servers[1:]:
        for event in judge.ask(server.relay_url, kinds=[ANNOUNCEMENT], authors=[alice.pubkey]):
            require(event["created_at"] <= newer["created_at"],
                    "the announcement that bob is a maintainer was signed anew")  # fmt: skip
    servers[0].start()
    repo.announcement = newer
    converge(world, runs=2)
    for server in world.servers:
        (now, *_) = judge.ask(server.relay_url, kinds=[ANNOUNCEMENT], authors=[alice.pubkey])
        require(not judge.tag(now, "maintainers"), f"bob is a maintainer again on {server.family}")
