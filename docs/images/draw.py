"""Draw `plan.svg`: a real plan of a real (embedded) fleet, as a terminal shows it.

.venv/bin/python docs/images/draw.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from reconciler.sandbox.demo.fleet import start_fleet

WIDTH = 92
HERE = Path(__file__).parent


def plan(folder: Path) -> str:
    """The coloured output of `reconcile --plan` for alice's and carol's repositories."""
    fleet = start_fleet(folder)
    words = ["--plan", "-f", str(fleet.desired), "--limit", "carol/*", "--limit", "alice/widget"]
    places = ["--state-dir", str(folder / "state"), "--report-dir", str(folder / "reports")]
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *places, *words],
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)},
        capture_output=True,
        text=True,
        check=False,
    )
    fleet.stop()
    return done.stdout


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        text = plan(Path(folder))
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text("$ reconcile --plan", style="bold"))
        console.print(Text.from_ansi(text))
    drawn = console.export_svg(title="reconcile --plan")
    # rich names a web font; a picture in a README should fetch nothing
    drawn = re.sub(r"@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL)
    (HERE / "plan.svg").write_text(drawn.replace("Fira Code", "monospace"))


main()
