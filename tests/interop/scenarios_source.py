"""From a plain git host to real servers, and what ngit makes of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.outsiders import Outsider

from . import judge
from .scenario import converge, scenario
from .scenarios_ngit import SECOND, desk_of, look
from .source import Source, git
from .world import DEV, MAIN, Repo, World, require

_HOST = """
import sys, pathlib, time
from reconciler.sandbox.demo.host import plain_host
with plain_host(pathlib.Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def _host(root: Path) -> Iterator[str]:
    """A plain git host in a process of its own; its URL."""
    call = [sys.executable, "-c", _HOST, str(root)]
    with subprocess.Popen(
        call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdin
        url = process.stdout.readline().strip()
        try:
            yield url
        finally:
            process.stdin.close()


def _put(source: Source, **refs: str) -> None:
    """Let the source's refs be these."""
    for line in source.ask("for-each-ref", "--format=%(refname)").splitlines():
        source.ask("update-ref", "-d", line)
    for name, oid in refs.items():
        source.ask("update-ref", f"refs/{name.replace('__', '/')}", oid)


def meant(world: World, owner: Outsider, source: Source) -> Repo:
    """The repository as the source has it."""
    repo = next(iter(world.repos), None) or Repo(owner, "widget", source)
    lines = source.ask("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    repo.refs = dict(line.split(" ", 1) for line in lines)
    world.repos[:] = [repo]
    return repo


def _run(world: World, owner: Outsider, source: Source, *, codes: tuple[int, ...] = (0,)) -> None:
    repo = meant(world, owner, source)
    done = world.reconcile("--apply")
    require(done.code in codes, f"exit {done.code}: {done.tail()}")
    look(world, repo, repo.refs)
    converge(world, codes=codes)


@contextmanager
def newcomer_of(world: World) -> Iterator[tuple[Outsider, Source]]:
    """Real servers, all empty; an owner with a key and a source."""
    world.fleet()
    owner = world.person("alice")
    source = Source.create(world.folder / "host" / "widget.git")
    with _host(world.folder / "host") as url:
        words = f"source: {url}/widget.git, states: adopt, rewrites: all"
        world.desired_more = f"repositories:\n  alice/widget: {{{words}}}\n"
        row = source.line("w", 3)
        tag = source.tag("v1", row[0])
        _put(source, heads__main=row[2], heads__dev=row[1], tags__v1=tag)
        source.ask("symbolic-ref", "HEAD", MAIN)
        yield owner, source


@scenario("a source and a signer: announced, stated, pushed on all, and kept there")
def newcomer(world: World) -> None:
    """Nothing but a git host and a key; then a commit, and one that brings and drops."""
    with newcomer_of(world) as (owner, source):
        _run(world, owner, source)
        main = source.ask("rev-parse", MAIN)
        time.sleep(SECOND)
        source.ask("update-ref", MAIN, source.commit("more", main))
        _run(world, owner, source)
        time.sleep(SECOND)
        source.ask("update-ref", "-d", DEV)
        source.ask("update-ref", MAIN, source.commit("more still", source.ask("rev-parse", MAIN)))
        world.reconcile("--apply")  # what is new comes first, and what went goes after it
        time.sleep(SECOND)
        _run(world, owner, source)


@scenario("a source and a signer: ngit clones and pushes it, and the source catches up", "ngit")
def ngit(world: World) -> None:
    """What a maintainer pushes through ngit stands, and is no loss to the source."""
    with newcomer_of(world) as (owner, source):
        world.desired_more = world.desired_more.replace(", rewrites: all", "")
        _run(world, owner, source)
        time.sleep(SECOND)
        desk = desk_of(world, owner, world.servers[0].relay_url)
        desk.run("git", "clone", "-q", f"nostr://{owner.npub}/{world.servers[0].host}/widget",
                 desk.work, cwd=desk.home)  # fmt: skip
        desk.commit("by hand")
        desk.run("git", "push", "-q", "origin", "main")
        tip = desk.run("git", "rev-parse", "main").out.strip()
        repo = world.repos[0]
        look(world, repo, repo.refs | {MAIN: tip})
        converge(world, codes=(7,))  # the source is behind: said, and nothing of it undone
        done = git("push", "-q", str(source.path), "main", cwd=desk.work)
        require(not done.code, f"the source takes no push: {done.err}")
        meant(world, owner, source)
        converge(world)
        shutil.rmtree(desk.work)


@scenario("a server that lost its git data is healed by a state that says the same", "ngit-grasp")
def repair(world: World) -> None:
    """ngit-grasp serves the state and takes no push for it any more (docs/protocol.md 4.1)."""
    one, two = world.server("ngit-grasp"), world.server("ngit-grasp")
    owner = world.person("alice")
    world.now -= 40_000
    repo = world.repo(owner, "widget")
    repo.source.ask("symbolic-ref", "HEAD", MAIN)
    for name, oid in repo.refs.items():
        repo.source.ask("update-ref", name, oid)
    with _host(repo.source.path.parent) as url:
        words = f"source: {url}/{repo.source.path.name}, states: adopt"
        world.desired_more = f"repositories:\n  alice/widget: {{{words}}}\n"
        converge(world)
        two.stop()
        lost = two.data / "git" / owner.npub / "widget.git"
        for name in repo.refs:
            git("update-ref", "-d", name, cwd=lost)
        git("reflog", "expire", "--expire=now", "--all", cwd=lost)
        git("prune", "--expire=now", cwd=lost)
        two.start()
        seen = judge.listing(repo.url(two))
        require(seen is not None and not seen.state(), "nothing was lost")
        done = world.reconcile("--apply")
        require(done.code == 0, f"exit {done.code}: {done.tail()}")
        require(done.report["signatures"] == 1, f"{done.report['signatures']} signatures")
        look(world, repo, repo.refs)
        world.settled(one, two)
