"""ngit as the client, before and after the program: what people do all day still works."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kit.outsiders import ANNOUNCEMENT, PULL, STATE, Outsider

from . import judge
from .programs import Server
from .scenario import converge, scenario
from .source import ENVIRONMENT, Done, Source
from .world import MAIN, Repo, World, require

_NOWHERE = "127.0.0.1:9"
_SETS = ("RELAY_DEFAULT", "RELAY_ANNOUNCEMENT_INDEXER", "RELAY_BLASTER", "RELAY_SIGNER_FALLBACK")
SECOND = 1.1
"""ngit dates states by the second, and two of one second tie."""


@dataclass
class Desk:
    """A person's machine: a home, a work tree, ngit and git-remote-nostr."""

    person: Outsider
    home: Path
    ngit: str
    relay: str
    """Where profiles and the like go: ngit's default relays, all of them."""

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        self.run("git", "config", "--global", "user.name", "t", cwd=self.home)
        self.run("git", "config", "--global", "user.email", "t@example.org", cwd=self.home)
        self.run("git", "config", "--global", "nostr.nsec", self.person.nsec, cwd=self.home)

    @property
    def work(self) -> Path:
        """The work tree."""
        return self.home / "work"

    def environment(self) -> dict[str, str]:
        """Nothing leaves loopback: ngit's own relays are ours, everything else has a dead proxy."""
        found = {n: v for n, v in ENVIRONMENT.items() if not n.startswith("GIT_")}
        found |= {"HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        found["PATH"] = f"{Path(self.ngit).resolve().parent}{os.pathsep}{found['PATH']}"
        found |= {f"NGIT_{name}_SET": self.relay for name in (*_SETS, "GRASP_DEFAULT")}
        proxies = dict.fromkeys(("http_proxy", "https_proxy"), f"http://{_NOWHERE}")
        return found | proxies | dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")

    def run(self, *argv: str | Path, cwd: Path | None = None) -> Done:
        """A command that must succeed."""
        words = [self.ngit if argv[0] == "ngit" else argv[0], *argv[1:]]
        done = subprocess.run(list(map(str, words)), cwd=cwd or self.work, env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)  # fmt: skip
        text = f"{' '.join(map(str, argv[:4]))}: exit {done.returncode}: {done.stdout}{done.stderr}"
        require(not done.returncode, text[-700:])
        return Done(done.returncode, done.stdout, done.stderr)

    def commit(self, text: str) -> str:
        """A commit on the branch that is checked out; its id."""
        (self.work / "file").write_text(text)
        self.run("git", "add", "file")
        self.run("git", "commit", "-qm", text)
        return self.run("git", "rev-parse", "HEAD").out.strip()


def desk_of(world: World, person: Outsider, relay: str) -> Desk:
    return Desk(person, world.folder / "home" / person.name, world.programs.tools["ngit"], relay)


def _init(world: World, desk: Desk, servers: list[Server]) -> Repo:
    """`ngit init` on these servers, with one commit; and the repository as it then is."""
    desk.work.mkdir()
    desk.run("git", "init", "-q", "-b", "main")
    desk.commit("one")
    named = [s.relay_url for s in servers]
    desk.run("ngit", "init", "-d", "--name", "widget", "--identifier", "widget",
             "--grasp-server", *named)  # fmt: skip
    desk.run("git", "push", "origin", "main")
    repo = Repo(desk.person, "widget", Source(desk.work / ".git"))
    world.repos.append(repo)
    look(world, repo, {MAIN: _tip(desk)})
    return repo


def _tip(desk: Desk, name: str = "main") -> str:
    return desk.run("git", "rev-parse", name).out.strip()


def look(world: World, repo: Repo, refs: dict[str, str]) -> None:
    """What ngit signed is what is meant from now on."""
    repo.refs = refs
    own = {"authors": [repo.owner.pubkey]}
    for kind, name in ((ANNOUNCEMENT, "announcement"), (STATE, "state")):
        found = [e for s in world.servers for e in judge.ask(s.relay_url, kinds=[kind], **own)]
        require(found, f"ngit left no event of kind {kind}")
        setattr(repo, name, min(found, key=lambda e: (-e["created_at"], e["id"])))


def _scene(world: World) -> tuple[Desk, Repo]:
    """A repository that ngit made on all families but the last, and a newcomer of that one."""
    world.fleet()
    newcomer = world.servers.pop()
    alice = world.person("alice")
    desk = desk_of(world, alice, world.servers[0].relay_url)
    try:
        repo = _init(world, desk, world.servers)
    finally:
        world.servers.append(newcomer)
    return desk, repo


@scenario("ngit: init, reconcile, clone, push", "ngit")
def init(world: World) -> None:
    """The newcomer is signed in; ngit clones, finds it, and pushes to all."""
    desk, repo = _scene(world)
    converge(world)
    time.sleep(SECOND)
    copy = desk.home / "copy"
    desk.run("git", "clone", "-q", f"nostr://{desk.person.npub}/{world.servers[0].host}/widget",
             copy, cwd=desk.home)  # fmt: skip
    shutil.rmtree(desk.work)
    copy.rename(desk.work)
    repo.source = Source(desk.work / ".git")
    desk.commit("two")
    desk.run("git", "push", "-q", "origin", "main")
    look(world, repo, {MAIN: _tip(desk)})
    converge(world)


@scenario("ngit: force push, branches come and go", "ngit")
def force(world: World) -> None:
    """Each step by ngit, then by the program."""
    desk, repo = _scene(world)
    converge(world)
    time.sleep(SECOND)
    desk.run("git", "fetch", "-q", "origin")
    desk.run("git", "commit", "-q", "--amend", "-m", "another one")
    desk.run("git", "push", "-q", "--force", "origin", "main")
    look(world, repo, {MAIN: _tip(desk)})
    converge(world)
    time.sleep(SECOND)
    desk.run("git", "push", "-q", "origin", "main:side")
    look(world, repo, {MAIN: _tip(desk), "refs/heads/side": _tip(desk)})
    converge(world)
    time.sleep(SECOND)
    desk.run("git", "push", "-q", "origin", "--delete", "side")
    look(world, repo, {MAIN: _tip(desk)})
    converge(world)


@scenario("ngit: a pull request, sync", "ngit")
def pull(world: World) -> None:
    """A stranger clones and pushes pr/…; the program spreads it; ngit lists it, and `ngit sync`
    finds nothing to do."""
    desk, repo = _scene(world)
    converge(world)
    stranger = desk_of(world, world.person("carol", owner=False), world.servers[0].relay_url)
    stranger.run("git", "clone", "-q",
                 f"nostr://{desk.person.npub}/{world.servers[0].host}/widget",
                 stranger.work, cwd=stranger.home)  # fmt: skip
    stranger.run("git", "checkout", "-q", "-b", "pr/better")
    commit = stranger.commit("better")
    stranger.run(
        "git", "push", "-q", "-o", "title=Better", "-o", "description=x", "origin", "pr/better"
    )
    asked = {"kinds": [PULL], "authors": [stranger.person.pubkey]}
    found = [e for s in world.servers for e in judge.ask(s.relay_url, **asked)]
    require(found, "ngit left no pull request")
    world.events.append(found[0])
    repo.pulls[found[0]["id"]] = commit
    converge(world)
    shown = desk.run("ngit", "pr", "list").out
    require("Better" in shown, f"ngit pr list does not show it: {shown[-300:]}")
    before = world.snapshot()
    desk.run("ngit", "sync")
    require(world.snapshot() == before, "ngit sync found something to do")
