"""The refs of all cells, and nothing else: what the observing stage does for them, beside curl."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measure import Measure, Place, Row, row
from bench.measures.noop import REPOSITORIES, SERVERS, by_curl, seeded
from bench.programs import CURL
from bench.rounds import Side, alternate
from bench.web import NEEDS, web
from reconciler.desired import parse
from reconciler.edge.fleet import Fleet
from reconciler.nostr.nip34 import parse_coordinate

ROUNDS = 7
SIDE_BY_SIDE = 8
"""Listings of one server at the same time, as the stage has it."""


def run(place: Place) -> Sequence[Row]:
    """In a process of its own; its start is not what is measured, but it is in the figure."""
    with web(place.folder / "web", place.port, SERVERS) as servers:
        names = seeded(place.folder, servers, REPOSITORIES)
        cells = [f"{site.url} {name}\n" for site in servers.sites for name in names]
        (place.folder / "cells").write_text("".join(cells))
        words: list[str | Path] = [sys.executable, "-m", "bench.measures.refs", place.folder]
        ours, curl = alternate(
            (
                Side(name="observe", command=words),
                by_curl(place.folder, [site.url for site in servers.sites], names),
            ),
            ROUNDS,
        )
    return [row("refs", "wall", ours, curl, 1.15, f"{len(cells)} cells: ")]


def look(folder: Path) -> None:
    """List all cells of a file, each server by threads of its own."""
    desired = parse((folder / "desired.yaml").read_bytes(), place="bench")
    lines = [line.split() for line in (folder / "cells").read_text().splitlines()]
    servers = dict.fromkeys(server for server, _ in lines)
    with Fleet(desired, folder / "looking") as fleet, ThreadPoolExecutor(len(servers)) as all_:

        def one(server: str) -> None:
            own = [parse_coordinate(name) for url, name in lines if url == server]
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                list(pool.map(lambda c: c and fleet.refs(server, c), own))

        list(all_.map(one, servers))


MEASURE = Measure(name="refs", about="the refs of all cells", run=run, needs=(*NEEDS, CURL))

if __name__ == "__main__":
    look(Path(sys.argv[1]))
