"""`make bench`: how long a run takes beside the git program doing the same, and how much memory.

One server has every repository, two others are empty. The reconciler fills the one, a shell script
of `git clone` and `git push` the other; then the filled fleet is looked at again. Ratios, because
seconds belong to a machine; no asserts, because this is a look and not a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from reconciler.desired import parse
from reconciler.edge.fleet import Fleet
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author, new
from reconciler.sandbox.server import RunningServer, ServerSpec, start

REPOSITORIES = 20
COMMITS = 60
PARALLEL = 5
SCRIPT = """\
#!/bin/sh
# Mirror each repository of a list from one server to another: what people write before they
# look for a tool. Lines of the list: clone URL, push URL.
set -eu
list=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
one() {
  folder=$(mktemp -d "$work/XXXXXX")
  git clone --quiet --bare "$1" "$folder/r.git"
  # --mirror would push refs/nostr/* as well, which a server refuses
  git --git-dir="$folder/r.git" push --quiet "$2" 'refs/heads/*:refs/heads/*' \\
    'refs/tags/*:refs/tags/*'
}
failed=0
count=0
while read -r from to; do
  one "$from" "$to" || failed=1 &
  count=$((count + 1))
  if [ $((count % PARALLEL)) -eq 0 ]; then wait; fi
done < "$list"
wait
exit $failed
"""
GIT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True)
class Cost:
    """Wall time, and the peak resident memory of the process itself; 0: not measured."""

    seconds: float
    mib: float


@dataclass(frozen=True)
class Row:
    """One comparison."""

    what: str
    ours: Cost
    peer: str
    theirs: Cost


def main() -> None:
    """Build the fleet, measure, print."""
    console = Console()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grasp-bench-")))
        servers = [_server(stack, folder, name) for name in ("full", "ours", "theirs")]
        console.print(f"seeding {REPOSITORIES} repositories of {COMMITS} commits …")
        coordinates = _seed(folder, servers)
        rows = _measure(folder, servers, coordinates)
    console.print(_table(rows))
    console.print(
        "The script sends no events, reads nothing back, and was given the announcements and "
        "states that authorise its pushes; a run does all of that within its time.",
        style="dim",
    )


def _server(stack: ExitStack, folder: Path, name: str) -> RunningServer:
    server = start(ServerSpec(name=name, directory=folder / "servers" / name, family="ngit-grasp"))
    stack.callback(server.kill)
    return server


def _seed(folder: Path, servers: Sequence[RunningServer]) -> list[Coordinate]:
    """Everything on the first server; on the third only what authorises pushes."""
    alice = new("alice")
    full, _, theirs = servers
    lines = ["version: 1", "servers:", *(f"  - {server.url}" for server in servers[:2])]
    lines += ["npubs:", f"  - {{npub: {alice.npub}, name: alice}}", "policies:"]
    lines += ["  throttle: {concurrency: 8, per_minute: 6000, events_per_minute: 6000}"]
    lines += ["  egress: {allow_private: [127.0.0.0/8]}"]
    (folder / "desired.yaml").write_text("\n".join(lines) + "\n")
    (folder / "sources").mkdir()
    names = [f"repository-{number}" for number in range(REPOSITORIES)]
    for number, name in enumerate(names):
        path = history.create(folder / "sources" / f"{number}.git", number, commits=COMMITS)
        _host(alice, name, path, (full, theirs), [server.url for server in servers])
    return [Coordinate(alice.pubkey, name) for name in names]


def _host(
    alice: Author, name: str, path: Path, on: Sequence[RunningServer], listed: Sequence[str]
) -> None:
    refs = history.refs(path)
    root = history.git(path, "rev-list", "--max-parents=0", "refs/heads/main").split()[0].decode()
    now = int(time.time())
    events = [
        authors.announce(alice, name, listed, at=now - 100, root=root),
        authors.declare(alice, name, refs, at=now - 90),
    ]
    for server in on:
        history.send(server.url, events)
    history.push(path, on[0].url, alice.pubkey, name, refs)


def _measure(
    folder: Path, servers: Sequence[RunningServer], coordinates: Sequence[Coordinate]
) -> list[Row]:
    full, ours, theirs = servers
    script = folder / "mirror.sh"
    script.write_text(SCRIPT.replace("PARALLEL", str(PARALLEL)))
    pairs = folder / "pairs"
    pairs.write_text("".join(f"{_clone(full, c)} {_clone(theirs, c)}\n" for c in coordinates))
    mirrored = _cost(["/bin/sh", str(script), str(pairs)])
    filled = _reconcile(folder, "--apply")
    cells = [(server.url, c) for server in (full, ours) for c in coordinates]
    looked = _look(folder, cells)
    listed = _list(folder, [urls.clone(url, c.owner, c.identifier) for url, c in cells])
    again = _reconcile(folder, "--apply")
    planned = _reconcile(folder, "--plan")
    lister = f"git ls-remote, {PARALLEL} parallel"
    count = len(cells)
    return [
        Row(f"refs of {count} cells", looked, lister, listed),
        Row(f"--plan, nothing to do, {count} cells", planned, lister, listed),
        Row(f"--apply, nothing to do, {count} cells", again, lister, listed),
        Row(f"--apply, {len(coordinates)} pushes", filled, "clone and push script", mirrored),
    ]


def _clone(server: RunningServer, coordinate: Coordinate) -> str:
    return urls.clone(server.url, coordinate.owner, coordinate.identifier)


def _reconcile(folder: Path, mode: str) -> Cost:
    words = [sys.executable, "-m", "reconciler", mode, "-f", str(folder / "desired.yaml")]
    words += ["--report-dir", str(folder / "reports"), "--state-dir", str(folder / "state")]
    return _cost(words)


def _look(folder: Path, cells: Sequence[tuple[str, Coordinate]]) -> Cost:
    """What the observing stage does for refs, as it does it: one connection a server, kept."""
    desired = parse((folder / "desired.yaml").read_bytes(), place="bench")
    start_at = time.monotonic()
    with Fleet(desired, folder / "looking") as fleet, ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda cell: fleet.refs(*cell), cells))
    return Cost(time.monotonic() - start_at, 0)


def _list(folder: Path, clones: Sequence[str]) -> Cost:
    file = folder / "clones"
    file.write_text("\n".join(clones) + "\n")
    line = f"xargs -P {PARALLEL} -n 1 git ls-remote --quiet < {file} > {os.devnull}"
    return _cost(["/bin/sh", "-c", line])


def _cost(words: Sequence[str]) -> Cost:
    start_at = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said, env=GIT)
        peak = 0.0
        while child.poll() is None:
            peak = _peak(child.pid) or peak
            time.sleep(0.005)
        seconds = time.monotonic() - start_at
        said.seek(0)
        if child.returncode:
            words_said = said.read()[-2000:].decode("utf-8", "replace")
            raise SystemExit(f"{words} ended with {child.returncode}: {words_said}")
    return Cost(seconds, peak)


def _peak(pid: int) -> float | None:
    """High-water mark in MiB. (wait4's ru_maxrss would count ours, from between fork and exec.)"""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else None


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    for name in ("seconds", "peer's", "ratio", "peak MiB"):
        table.add_column(name, justify="right")
    table.add_column("peer")
    for row in rows:
        memory = f"{row.ours.mib:.0f}" if row.ours.mib else "-"
        ratio = f"{row.ours.seconds / row.theirs.seconds:.2f}"
        times = (f"{row.ours.seconds:.2f}", f"{row.theirs.seconds:.2f}", ratio)
        table.add_row(row.what, *times, memory, row.peer)
    return table


if __name__ == "__main__":
    main()
