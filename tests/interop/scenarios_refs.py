"""One server has a newer state; the others follow: every way in which refs can move."""

from __future__ import annotations

from .scenario import converge, scenario
from .world import DEV, MAIN, Repo, World

V1 = "refs/tags/v1"


def _fleet(world: World) -> Repo:
    world.fleet()
    return world.repo(world.person("alice"), "widget")


def _first(world: World, repo: Repo, refs: dict[str, str], head: str = "") -> None:
    """The newer state is on one server."""
    world.advance(repo, refs, [world.of("khatru", "ngit-relay")], head=head)


@scenario("a branch is deleted")
def deleted(world: World) -> None:
    repo = _fleet(world)
    _first(world, repo, {n: o for n, o in repo.refs.items() if n != DEV})
    converge(world)


@scenario("a branch is rewound")
def rewound(world: World) -> None:
    repo = _fleet(world)
    _first(world, repo, repo.refs | {MAIN: repo.refs[DEV]})
    converge(world)


@scenario("history is rewritten")
def rewritten(world: World) -> None:
    repo = _fleet(world)
    _first(world, repo, repo.refs | {MAIN: repo.source.line("other", 2)[1]})
    converge(world)


@scenario("tags move")
def tags(world: World) -> None:
    """Annotated anew; a light one moved; a tag of a tag."""
    repo = _fleet(world)
    light = repo.refs | {"refs/tags/light": repo.refs[DEV]}
    world.advance(repo, light, world.servers)
    made = repo.source.tag("v1", repo.refs[MAIN])
    moved = light | {V1: made, "refs/tags/light": repo.refs[MAIN]}
    _first(world, repo, moved | {"refs/tags/of-tag": repo.source.tag("of-tag", made, "tag")})
    converge(world)


@scenario("only HEAD changes")
def head_alone(world: World) -> None:
    repo = _fleet(world)
    _first(world, repo, repo.refs, DEV)
    converge(world)


@scenario("HEAD moves to a new branch")
def head_new(world: World) -> None:
    repo = _fleet(world)
    made = repo.source.commit("next", repo.refs[MAIN])
    _first(world, repo, repo.refs | {"refs/heads/next": made}, "refs/heads/next")
    converge(world)


@scenario("the default branch is renamed")
def renamed(world: World) -> None:
    repo = _fleet(world)
    refs = {n: o for n, o in repo.refs.items() if n != MAIN}
    first = world.of("ngit-relay", "ngit-grasp")
    world.advance(repo, refs | {"refs/heads/trunk": repo.refs[MAIN]}, [first],
                  head="refs/heads/trunk")  # fmt: skip
    converge(world)
