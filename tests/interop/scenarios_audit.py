"""grasp-audit, and the conformance rows: who judges servers, ours and real ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from .programs import FAMILIES
from .scenario import scenario
from .world import World, require

ENOUGH = {"ngit-grasp": 98.0, "ngit-relay": 95.0, "khatru": 95.0}
"""Per cent of the rows that run, which must agree."""


def _audits(family: str) -> None:
    @scenario(f"grasp-audit: our {family}", "grasp-audit", server=False)
    def audit(world: World) -> str:
        """The embedded server of that name, judged by somebody else's tests."""
        server = world.embedded(family)
        home = world.folder / "home"
        home.mkdir()
        done = subprocess.run(
            [world.programs.tools["grasp-audit"], "audit", "--relay", server.relay_url,
             "--git-data-dir", str(server.data)],
            env=world.environment() | {"HOME": str(home)}, cwd=home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
        (world.folder / "audit").write_text(done.stdout + done.stderr)
        found = re.search(r"(\d+)/(\d+) tests passed", done.stdout)
        require(found, f"no verdict: {(done.stdout + done.stderr)[-300:]}")
        assert found
        failed = re.findall(r"✗ (\w+)", done.stdout)
        text = f"{found[1]} of {found[2]} passed"
        require(found[1] == found[2], f"{text}; not {', '.join(failed)}")
        return text


for _family in ("spec", "ngit-grasp"):
    _audits(_family)


def _rows(family: str) -> None:
    @scenario(f"conformance rows: {family}", family)
    def rows(world: World) -> str:
        """Against the real one."""
        server = world.server(family)
        words = [sys.executable, "-m", "reconciler", "conformance", server.url, "--family", family]
        words += (
            ["--fresh-address"] if family == "ngit-relay" else []
        )  # 15 events, then one a minute
        done = subprocess.run(
            [*words, "--format", "json"],
            cwd=world.folder,
            env=world.environment(),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        require(done.stdout.startswith("{"), f"exit {done.returncode}: {done.stderr[-500:]}")
        found = json.loads(done.stdout)["rows"]
        agree = sum(row["verdict"] == "agree" for row in found)
        differ = [row["id"] for row in found if row["verdict"] == "differ"]
        percent = 100 * agree / max(1, agree + len(differ))
        text = f"{agree} of {agree + len(differ)} agree ({percent:.1f} %); not {', '.join(differ)}"
        require(percent >= ENOUGH[family], text)
        return text


for _family in FAMILIES:
    _rows(_family)
