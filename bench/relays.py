"""Plain relays, in one process: `python -m bench.relays FOLDER EVENTS.json PORT…` starts one at
each port, with the events of its part of the file, says so, and serves until its input ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reconciler.nostr.event import verify
from reconciler.sandbox.server import ServerSpec, start


def _serve(folder: Path, events: Path, ports: list[int]) -> None:
    parts = json.loads(events.read_text())
    for part, port in zip(parts, ports, strict=True):
        name = str(port)
        relay = start(ServerSpec(name=name, directory=folder / name, grasp=False, port=port))
        for raw in part:
            relay.seed(verify(raw))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]), [int(port) for port in sys.argv[3:]])
