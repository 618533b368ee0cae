"""From a plain git host to real servers, and what ngit makes of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.kit.outsiders import Outsider

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
def _host(world: World) -> Iterator[tuple[str, Source]]:
    """A plain git host in a process of its own, with one repository; its URL."""
    root = world.folder / "host"
    source = Source.create(root / "widget.git")
    call = [sys.executable, "-c", _HOST, str(root)]
    with subprocess.Popen(
        call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdin
        url = process.stdout.readline().strip()
        try:
            yield f"{url}/widget.git", source
        finally:
            process.stdin.close()


def _put(source: Source, **refs: str) -> None:
    """Let the source's refs be these."""
    for line in source.ask("for-each-ref", "--format=%(refname)").splitlines():
        source.ask("update-ref", "-d", line)
    for name, oid in refs.items():
        source.ask("update-ref", f"refs/{name.replace('__', '/')}", oid)


def _meant(world: World, owner: Outsider, source: Source) -> Repo:
    """The repository as the source has it."""
    repo = next(iter(world.repos), None) or Repo(owner, "widget", source)
    lines = source.ask("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    repo.refs = dict(line.split(" ", 1) for line in lines)
    world.repos[:] = [repo]
    return repo


def _run(world: World, owner: Outsider, source: Source, *, codes: tuple[int, ...] = (0,)) -> None:
    repo = _meant(world, owner, source)
    done = world.reconcile("--apply")
    require(done.code in codes, f"exit {done.code}: {done.tail()}")
    look(world, repo, repo.refs)
    converge(world, codes=codes)


@contextmanager
def _newcomer(world: World) -> Iterator[tuple[Outsider, Source]]:
    """Real servers, all empty; an owner with a key and a source."""
    world.fleet()
    owner = world.person("alice")
    with _host(world) as (url, source):
        world.desired_more = (
            f"repositories:\n  alice/widget: {{source: {url}, states: adopt, rewrites: all}}\n"
        )
        row = source.line("w", 3)
        tag = source.tag("v1", row[0])
        _put(source, heads__main=row[2], heads__dev=row[1], tags__v1=tag)
        source.ask("symbolic-ref", "HEAD", MAIN)
        yield owner, source


@scenario("a source and a signer: announced, stated, pushed on all, and kept there")
def newcomer(world: World) -> None:
    """Nothing but a git host and a key; then a commit, and one that brings and drops."""
    with _newcomer(world) as (owner, source):
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
    with _newcomer(world) as (owner, source):
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
        _meant(world, owner, source)
        converge(world)
        shutil.rmtree(desk.work)
