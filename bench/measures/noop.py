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
FEW = 8
"""With 5 servers: 40 cells."""
ROUNDS = 5
PARALLEL = 5


def run(place: Place) -> Sequence[Row]:
    """All cells, then few."""
    with web(place.folder / "web", place.port, SERVERS) as servers:
        names = seeded(place.folder, servers, REPOSITORIES)
        cells = len(names) * SERVERS
        place.say(f"{cells} cells are read")
        ours, curl, lister = alternate(_sides(place.folder, servers, names), ROUNDS)
        return [
            row("noop", "wall", ours, curl, 1.3, f"{cells} cells: "),
            row("noop", "wall", ours, lister, None, f"{cells} cells: "),
            row("noop", "cpu", ours, lister, 0.2, f"{cells} cells: "),
        ]


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


def _sides(folder: Path, servers: Web, names: Sequence[Coordinate]) -> list[Side]:
    clones = [urls.clone(site.url, c.owner, c.identifier) for c in names for site in servers.sites]
    listing = "/info/refs?service=git-upload-pack"
    (folder / "curl").write_text(
        "".join(f'url="{u}{listing}"\noutput="/dev/null"\n' for u in clones)
    )
    (folder / "clones").write_text("\n".join(clones) + "\n")
    lister = f"xargs -P {PARALLEL} -n 1 git ls-remote --quiet < {folder}/clones > {os.devnull}"
    words: list[str | Path] = ["-m", "reconciler", "--apply", "-f", folder / "desired.yaml"]
    words += ["--report-dir", folder / "reports", "--state-dir", folder / "state"]
    parallel = ["--parallel", "--parallel-max", "64"]
    return [
        Side(name="reconcile --apply", command=[sys.executable, *words]),
        Side(name="curl --parallel", command=["curl", "-sSf", *parallel, "-K", folder / "curl"]),
        Side(name="git ls-remote, 5 at a time", command=["/bin/sh", "-c", lister]),
    ]


MEASURE = Measure(
    name="noop", about="a run that finds nothing to do", run=run, needs=(*NEEDS, CURL)
)
