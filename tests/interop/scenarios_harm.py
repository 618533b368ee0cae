"""Harm: git data that is gone, refs that nobody declared, and a run that is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import judge
from .programs import Server
from .scenario import converge, idle, scenario
from .source import git
from .world import MAIN, Repo, World, require


def place(server: Server, repo: Repo) -> Path:
    """Where a server keeps a repository."""
    data, name = server.data, repo.identifier
    known = {
        "ngit-grasp": data / "git" / repo.owner.npub / f"{name}.git",
        "ngit-relay": data / "repos" / repo.owner.npub / f"{name}.git",
        "khatru": data / "repos" / repo.owner.pubkey / name,
    }
    assert known[server.family].is_dir(), known[server.family]
    return known[server.family]


def _empty_bare(path: Path) -> None:
    for name in (path / "refs").rglob("*"):
        if name.is_file():
            name.unlink()
    (path / "packed-refs").unlink(missing_ok=True)
    _objects_gone(path)


def _objects_gone(path: Path) -> None:
    shutil.rmtree(path / "objects")
    (path / "objects").mkdir()


def _emptied(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


WAYS: dict[str, Callable[[Path], object]] = {
    "an empty repository": _empty_bare,
    "no folder": shutil.rmtree,
    "refs without objects": _objects_gone,
    "an empty folder": _emptied,
}


def _gone(way: str) -> None:
    @scenario(f"git data gone: {way}")
    def gone(world: World) -> str:
        """On the last server of each family in turn. It is repaired, or said by name; and a fresh
        state does not make things worse."""
        families = list(world.programs.servers)
        world.fleet(*families, families[0])
        repo = world.repo(world.person("alice"), "widget")
        said = []
        for server in world.servers[: len(families)]:
            WAYS[way](place(server, repo))
            done = world.reconcile("--apply", "--deep")
            folder = world.folder / "clones" / server.host.replace(":", "-")
            broken = judge.clones(repo.url(server), folder)
            broken = broken or (
                "" if folder.joinpath("refs").is_dir() and _has(folder) else "empty"
            )
            if not broken:
                said.append(f"{server.family} repaired")
                continue
            require(done.code, f"{server.family}: exit 0, and git says: {broken[:200]}")
            text = f"{server.family}: exit {done.code}, and no line names it; git: {broken[:200]}"
            require(_named(done.text, repo, server), text)
            said.append(f"{server.family} said (exit {done.code})")
        return ", ".join(said)


def _has(folder: Path) -> bool:
    return MAIN in git("for-each-ref", cwd=folder).out


def _named(text: str, repo: Repo, server: Server) -> bool:
    """One line, or two that stand near each other, name both."""
    lines = text.splitlines()
    near = ["\n".join(lines[n : n + 3]) for n in range(len(lines))]
    return any(repo.identifier in part and server.host in part for part in near)


for _way in WAYS:
    _gone(_way)

SMUGGLED = (
    "refs/heads/evil",
    "refs/tags/evil",
    "refs/notes/x",
    "refs/evil/x",
    "refs/replace/{old}",
)


@scenario("smuggled refs")
def smuggled(world: World) -> str:
    """Branches, tags and refs beside them that no state names: removed, or named; and a newcomer
    gets none."""
    world.fleet()
    repo = world.repo(world.person("alice"), "widget")
    old = repo.source.ask("rev-parse", f"{repo.refs[MAIN]}^")
    evil = {name.format(old=old): repo.refs[MAIN] for name in SMUGGLED}
    for server in world.servers:
        for name, oid in evil.items():
            planted = git("update-ref", name, oid, cwd=place(server, repo))
            assert not planted.code, planted
    newcomer = world.server(world.servers[0].family)
    done = world.reconcile("--apply", "-v")
    silent, left = [], 0
    for server in world.servers:
        seen = judge.listing(repo.url(server))
        have = evil.keys() & (seen.refs.keys() if seen else set())
        left += len(have)
        require(server is not newcomer or not have, f"the newcomer got {sorted(have)}")
        silent += [f"{n} on {server.family}" for n in sorted(have) if not _told(done.text, n)]
    require(not silent, f"there, and named nowhere: {', '.join(silent)} (exit {done.code})")
    require(done.code or not left, f"exit 0 with {left} smuggled refs left")
    world.settled(newcomer)
    idle(world, (done.code,))
    return f"{left} of {len(evil) * (len(world.servers) - 1)} left, all named; exit {done.code}"


def _told(text: str, name: str) -> bool:
    return name in text or name.removeprefix("refs/heads/").removeprefix("refs/tags/") in text


@scenario("kill -9")
def killed(world: World) -> str:
    """Five runs are killed at random moments; the next ones finish, and leave nothing."""
    world.fleet()
    alice = world.person("alice")
    for number in range(3):
        world.repo(alice, f"r{number}", world.servers[:1], listed=world.servers)
    world.server(world.servers[0].family)
    chance, moments = random.Random(), []
    for _ in range(5):
        moments.append(chance.uniform(0.4, 3.0))
        run = subprocess.Popen(world.argv("--apply"), cwd=world.folder, env=world.environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
        try:
            run.wait(moments[-1])
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    time.sleep(1)
    converge(world, runs=2)
    return "after " + ", ".join(f"{m:.1f} s" for m in moments)
