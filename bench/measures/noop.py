"""A run that finds nothing to do: all cells are read, which a list of URLs for curl does as well,
and a loop over `git ls-remote`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import fleet
from bench.measure import Measure, Place, Row, row
from bench.programs import CURL
from bench.rounds import Side, alternate
from bench.web import NEEDS, Web, web
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors

SERVERS = 9
REPOSITORIES = 88
FEW, FEW_SERVERS = 8, 5
ROUNDS = 5
PARALLEL = 5


def run(place: Place) -> Sequence[Row]:
    """All cells, then few."""
    rows: list[Row] = []
    with web(place.folder / "web", place.port, SERVERS) as servers:
        names = seeded(place.folder, servers, REPOSITORIES)
        cells = len(names) * SERVERS
        place.say(f"{cells} cells are read")
        urls_ = [site.url for site in servers.sites]
        ours, curl, lister = alternate(_sides(place.folder, urls_, names), ROUNDS)
        rows += [
            row("noop", "wall", ours, curl, 1.3, f"{cells} cells: "),
            row("noop", "wall", ours, lister, None, f"{cells} cells: "),
            row("noop", "cpu", ours, lister, 0.2, f"{cells} cells: "),
        ]
    few = place.folder / "few"
    with web(few / "web", place.port, FEW_SERVERS) as servers:
        names = seeded(few, servers, FEW)
        urls_ = [site.url for site in servers.sites]
        ours, _, lister = alternate(_sides(few, urls_, names), ROUNDS)
        rows += [row("noop", "wall", ours, lister, 1.0, f"{FEW * FEW_SERVERS} cells: ")]
    return rows


def seeded(folder: Path, servers: Web, count: int) -> list[Coordinate]:
    """Every repository on every server, announced and declared; and a desired state of it all."""
    alice = authors.new("alice")
    places = [site.url for site in servers.sites]
    found = []
    for number in range(count):
        source = fleet.small(folder / "sources" / f"{number}.git", number)
        found.append(fleet.announced(alice, f"repository-{number}", source, places))
        for site in servers.sites:
            site.take(found[-1].coordinate, source)
    events = [event for one in found for event in one.events]
    servers.relays([events] * len(places))
    fleet.desired(folder / "desired.yaml", alice, places)
    return [one.coordinate for one in found]


def by_curl(folder: Path, servers: Sequence[str], names: Sequence[Coordinate]) -> Side:
    """curl that reads every listing, over as many connections as it likes."""
    listing = "/info/refs?service=git-upload-pack"
    lines = (f'url = "{u}{listing}"\noutput = "/dev/null"\n' for u in _clones(servers, names))
    (folder / "curl").write_text("".join(lines))
    parallel = ["--parallel", "--parallel-max", "64"]
    words: list[str | Path] = ["curl", "-sSf", *parallel, "-K", folder / "curl"]
    return Side(name="curl --parallel", command=words)


def _clones(servers: Sequence[str], names: Sequence[Coordinate]) -> list[str]:
    return [urls.clone(server, c.owner, c.identifier) for c in names for server in servers]


def _sides(folder: Path, servers: Sequence[str], names: Sequence[Coordinate]) -> list[Side]:
    (folder / "clones").write_text("\n".join(_clones(servers, names)) + "\n")
    lister = f"xargs -P {PARALLEL} -n 1 git ls-remote --quiet < {folder}/clones > {os.devnull}"
    words: list[str | Path] = ["-m", "reconciler", "--apply", "-f", folder / "desired.yaml"]
    words += ["--report-dir", folder / "reports", "--state-dir", folder / "state"]
    return [
        Side(name="reconcile --apply", command=[sys.executable, *words]),
        by_curl(folder, servers, names),
        Side(name="git ls-remote, 5 at a time", command=["/bin/sh", "-c", lister]),
    ]


MEASURE = Measure(
    name="noop", about="a run that finds nothing to do", run=run, needs=(*NEEDS, CURL)
)
