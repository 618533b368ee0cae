"""Forty repositories to empty servers: one run, beside the script that people write before they
look for a tool. And one large repository, for the memory that it takes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import fleet
from bench.fleet import Repository
from bench.measure import Measure, Place, Row, row
from bench.rounds import Costs, Side, alternate
from bench.web import NEEDS, Web, web
from reconciler.nostr import urls
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author

SERVERS = 8
REPOSITORIES = 40
BASES = 8
"""Histories; each repository has one of them, and a commit of its own."""
ROUNDS = 3
PARALLEL = 5
LARGE_FILES = 500
"""Of 1 MiB each, in the large repository."""
SCRIPT = """\
#!/bin/sh
# From the first URL to all others: what people write before they look for a tool.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet --bare "$1" "$folder/r.git"
shift
for to in "$@"; do
  # --mirror would push refs/nostr/* as well, which a server refuses
  git --git-dir="$folder/r.git" push --quiet "$to" 'refs/heads/*:refs/heads/*' \\
    'refs/tags/*:refs/tags/*'
done
"""


def run(place: Place) -> Sequence[Row]:
    """Eight servers, then one; then the large one."""
    with web(place.folder / "web", place.port, 1 + SERVERS) as servers:
        stage = _Stage(place.folder, servers, authors.new("alice"))
        stage.host(place)
        ours, theirs = alternate([stage.ours(SERVERS), stage.theirs(SERVERS)], ROUNDS)
        one, other = alternate([stage.ours(1), stage.theirs(1)], ROUNDS)
        big = stage.large(place)
    to = f"to {SERVERS} servers: "
    return [
        row("push", "wall", ours, theirs, 0.6, to),
        row("push", "cpu", ours, theirs, 0.25, to),
        row("push", "cpu", ours, replace(one, name="to 1 server"), 1.3, to),
        row("push", "wall", one, other, None, "to 1 server: "),
        row("push", "cpu", one, other, None, "to 1 server: "),
        row("push", "mib", big, None, 300, f"{LARGE_FILES} MiB {to}"),
    ]


@dataclass
class _Stage:
    folder: Path
    servers: Web
    alice: Author
    repositories: tuple[Repository, ...] = ()

    def host(self, place: Place) -> None:
        """All repositories on the first server."""
        place.say(f"making {REPOSITORIES} repositories")
        sources = self.folder / "sources"
        with ThreadPoolExecutor(2) as pool:
            seeds = range(BASES)
            bases = list(pool.map(lambda n: fleet.large(sources / f"base{n}.git", n), seeds))
        self.repositories = tuple(
            self._hosted(f"repository-{number}", bases[number % BASES], number)
            for number in range(REPOSITORIES)
        )

    def _hosted(self, name: str, base: Path, number: int) -> Repository:
        source = shutil.copytree(base, self.folder / "sources" / f"{name}.git")
        history.extend(source, number)
        listed = [site.url for site in self.servers.sites]
        found = fleet.announced(self.alice, name, source, listed)
        self.servers.sites[0].take(found.coordinate, source)
        return found

    def ours(self, count: int, *, memory: bool = False) -> Side:
        """One run from nothing: no archive, no memory of an earlier one."""
        asked = [site.url for site in self.servers.sites[: 1 + count]]
        file = fleet.desired(self.folder / f"desired{count}.yaml", self.alice, asked)
        words: list[str | Path] = [sys.executable, "-m", "reconciler", "--apply", "-f", file]
        words += ["--report-dir", self.folder / "reports", "--state-dir", self.folder / "state"]
        before = partial(self._empty, count)
        return Side(name="reconcile --apply", command=words, before=before, memory=memory)

    def theirs(self, count: int) -> Side:
        """The script, five repositories at a time."""
        script = self.folder / "mirror.sh"
        script.write_text(SCRIPT)
        lines = self.folder / f"lines{count}"
        lines.write_text("".join(self._line(one, count) for one in self.repositories))
        command = f"xargs -a {lines} -P {PARALLEL} -L 1 sh {script}"
        name = f"git clone --bare, git push, {PARALLEL} at a time"
        before = partial(self._empty, count)
        return Side(name=name, command=["/bin/sh", "-c", command], before=before)

    def large(self, place: Place) -> Costs:
        """A repository whose pack is as large as its files, because they do not compress."""
        place.say(f"making a repository of {LARGE_FILES} MiB")
        for one in self.repositories:
            shutil.rmtree(self.servers.sites[0].path(one.coordinate))
        source = fleet.heavy(self.folder / "sources" / "large.git", LARGE_FILES)
        listed = [site.url for site in self.servers.sites]
        self.repositories = (fleet.announced(self.alice, "large", source, listed),)
        self.servers.sites[0].take(self.repositories[0].coordinate, source)
        return alternate([self.ours(SERVERS, memory=True)], 1)[0]

    def _line(self, one: Repository, count: int) -> str:
        owner, name = one.coordinate.owner, one.coordinate.identifier
        sites = self.servers.sites[: 1 + count]
        return " ".join(urls.clone(site.url, owner, name) for site in sites) + "\n"

    def _empty(self, count: int) -> None:
        """Servers that know of the repositories and have nothing in them, as after an announcement;
        relays of which only the first has the events."""
        for site in self.servers.sites[1 : 1 + count]:
            site.make([one.coordinate for one in self.repositories])
        events = [event for one in self.repositories for event in one.events]
        self.servers.relays([events, *([] for _ in self.servers.sites[1:])])
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        shutil.rmtree(self.folder / "reports", ignore_errors=True)


MEASURE = Measure(
    name="push",
    about=f"{REPOSITORIES} repositories to {SERVERS} empty servers",
    run=run,
    needs=NEEDS,
)
