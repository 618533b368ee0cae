"""Issues, pull requests, comments and deletions, each on one server only at first."""

from __future__ import annotations

from tests.kit.outsiders import (
    CLOSED,
    COMMENT,
    DELETION,
    ISSUE,
    LABEL,
    OPEN,
    PULL,
    REACTION,
    JsonEvent,
    Outsider,
)

from . import judge
from .programs import Server
from .scenario import converge, scenario
from .world import Repo, World, require


def _put(world: World, server: Server, *events: JsonEvent) -> None:
    """Events that one server has, and all should get."""
    world.must_take(server, *events)
    world.events += events


@scenario("pull requests, a commit each on one server")
def pulls(world: World) -> str:
    """And one whose commit is nowhere: it is named, and holds nobody up."""
    servers = world.fleet()
    repo, writer = _hosted(world)
    for number, server in enumerate(servers):
        commit = repo.source.commit(f"pull {number}", repo.refs["refs/heads/main"])
        pull = _pull(writer, repo, commit, world.now - 6000 + number)
        _put(world, server, pull)
        repo.pulls[pull["id"]] = commit
        pushed = repo.source.push(repo.url(server), {f"refs/nostr/{pull['id']}": commit})
        assert not pushed.code, pushed
    lost = _pull(writer, repo, "ab" * 20, world.now - 5000)
    world.must_take(world.of("khatru", "ngit-relay"), lost)
    done = converge(world)
    require("pull-data-nowhere" in done.text, "nothing says that a pull request's data is nowhere")
    return f"{len(repo.pulls)} pull requests, {len(servers)} servers"


def _hosted(world: World) -> tuple[Repo, Outsider]:
    return world.repo(world.person("alice"), "widget"), world.person("writer", owner=False)


def _pull(writer: Outsider, repo: Repo, commit: str, at: int) -> JsonEvent:
    tags = [repo.tagged(), ("p", repo.owner.pubkey), ("subject", "x"), ("c", commit)]
    return writer.sign(PULL, [*tags, ("clone", "https://elsewhere.example/x.git")], at=at)


@scenario("comments in a chain")
def comments(world: World) -> str:
    """An issue, eight comments that answer one another, status, label, reaction."""
    world.fleet()
    repo, writer = _hosted(world)
    at = world.now - 6000
    issue = writer.sign(ISSUE, [repo.tagged(), ("subject", "x")], at=at, content="it breaks")
    chain = [issue]
    for number in range(8):
        tags = [("E", issue["id"]), ("K", str(ISSUE)), ("e", chain[-1]["id"]), ("k", "1111")]
        chain.append(writer.sign(COMMENT, tags, at=at + 1 + number, content=f"answer {number}"))
    more = [
        repo.owner.sign(CLOSED, [("e", issue["id"]), repo.tagged()], at=at + 20),
        repo.owner.sign(LABEL, [("e", issue["id"]), ("L", "x"), ("l", "bug", "x")], at=at + 21),
        writer.sign(REACTION, [("e", issue["id"]), ("k", str(ISSUE))], at=at + 22, content="+"),
    ]
    _put(world, world.of("khatru", "ngit-grasp"), *chain, *more)
    converge(world)
    return f"{len(chain) + len(more)} events"


@scenario("one identifier is another's beginning")
def prefixes(world: World) -> None:
    """`mix`, `mix2` and `mix2-cli`, each with an issue: ngit-relay's index knows prefixes only."""
    world.fleet()
    alice, writer = world.person("alice"), world.person("writer", owner=False)
    for number, name in enumerate(("mix", "mix2", "mix2-cli")):
        repo = world.repo(alice, name)
        issue = writer.sign(ISSUE, [repo.tagged()], at=world.now - 6000, content=f"of {name}")
        _put(world, world.servers[number % len(world.servers)], issue)
    converge(world)


@scenario("a long identifier")
def long_name(world: World) -> None:
    """ngit-relay and khatru index tag values of at most 100 characters, so that `#a` finds nothing
    of a repository whose identifier has 30 or more; the events are served all the same."""
    world.fleet()
    alice, writer = world.person("alice"), world.person("writer", owner=False)
    repo = world.repo(alice, "a-repository-with-quite-a-long-name")
    issue = writer.sign(ISSUE, [repo.tagged()], at=world.now - 6000, content="x")
    answer = writer.sign(COMMENT, [("E", issue["id"]), ("e", issue["id"])], at=world.now - 5999)
    _put(world, world.of("ngit-grasp"), issue, answer)
    converge(world)


@scenario("an author deletes")
def deletions(world: World) -> None:
    """His deletion spreads, and the deleted event comes back nowhere."""
    world.fleet()
    repo, writer = _hosted(world)
    kept, gone = (
        writer.sign(ISSUE, [repo.tagged()], at=world.now - 6000 + n, content=str(n)) for n in (0, 1)
    )
    for server in world.servers:
        world.must_take(server, kept, gone)
    world.events.append(kept)
    deletion = writer.sign(DELETION, [("e", gone["id"]), ("k", str(ISSUE))], at=world.now - 5000)
    judge.tell(world.of("khatru", "ngit-grasp").relay_url, deletion)
    converge(world)
    for server in world.servers:
        left = judge.ask(server.relay_url, ids=[gone["id"]])
        require(not left, f"{server.family} still serves the deleted issue")


@scenario("a stranger's deletion deletes nothing")
def foreign_deletion(world: World) -> None:
    """Khatru refuses and stores it; no run carries it about."""
    world.fleet()
    repo, writer = _hosted(world)
    issue = writer.sign(ISSUE, [repo.tagged()], at=world.now - 6000)
    status = repo.owner.sign(OPEN, [("e", issue["id"]), repo.tagged()], at=world.now - 5900)
    _put(world, world.of("khatru", "ngit-grasp"), issue, status)
    mallory = world.person("mallory", owner=False)
    void = mallory.sign(DELETION, [("e", issue["id"]), ("k", str(ISSUE))], at=world.now - 5000)
    for server in world.servers:
        judge.tell(server.relay_url, void)
    converge(world)
