"""`make interop`: play the scenarios on the real programs, print a table, write JSON."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from . import scenarios
from .programs import FAMILIES, RUNNING, TOOLS, Broken, Programs, end
from .scenario import Scenario
from .world import Failed, World

_NOTHING = 2


@dataclass(frozen=True)
class Verdict:
    """How a scenario ended: works, fails, broken (its own set-up), or not run."""

    name: str
    verdict: str
    seconds: float
    text: str = ""


def play(scenario: Scenario, programs: Programs, folder: Path) -> Verdict:
    """Play one, on servers and in a folder of its own."""
    if missing := [name for name in scenario.needs if name not in programs.have()]:
        return Verdict(scenario.name, "not run", 0.0, f"needs {', '.join(missing)}")
    if scenario.server and not programs.servers:
        return Verdict(scenario.name, "not run", 0.0, "needs a real server")
    began = time.monotonic()
    world = World(folder / re.sub(r"\W+", "-", scenario.name), programs)
    try:
        world.folder.mkdir(parents=True)
        verdict, text = "works", scenario.play(world) or ""
    except Failed as seen:
        verdict, text = "fails", str(seen)
    except Broken as seen:
        verdict, text = "broken", str(seen)
    except Exception:
        verdict, text = "broken", traceback.format_exc()[-1500:]
    finally:
        world.stop()
    return Verdict(scenario.name, verdict, round(time.monotonic() - began, 1), text)


def say(*lines: str) -> None:
    """To stdout, at once."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def show(found: Verdict) -> None:
    """One line of the table; what failed has its reason below."""
    say(f"{found.name:28}  {found.verdict:7}  {found.seconds:6.1f}")
    for line in found.text.strip().splitlines():
        say(f"    {line}")


def chosen(patterns: Iterable[str]) -> list[Scenario]:
    """Scenarios whose name matches one of the globs; all without any."""
    wanted = list(patterns) or ["*"]
    every = scenarios.in_order()
    return [s for s in every if any(fnmatch.fnmatch(s.name, p) for p in wanted)]


def _on_signal(number: int, _: object) -> None:
    """Leave no server behind; the temporary folder goes with the next cleaning."""
    for process in list(RUNNING.values()):
        end(process)
    os._exit(128 + number)


def main() -> int:
    """Exit 0: all that ran works; 1: something fails; 2: there is nothing to run."""
    parser = argparse.ArgumentParser(prog="make interop", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="GLOB", help="scenarios (default: all)")
    parser.add_argument("--out", type=Path, default=Path("reports/interop.json"))
    parser.add_argument("--jobs", type=int, default=3, help="scenarios side by side")
    parser.add_argument("--keep", type=Path, help="keep all files in this new folder")
    given = parser.parse_args()
    programs = Programs.found(os.environ)
    if not programs.have():
        names = ", ".join([*FAMILIES.values(), *TOOLS.values()])
        say(f"no real program is named; set one or more of {names} (tests/interop/README.md)")
        return _NOTHING
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    with tempfile.TemporaryDirectory(prefix="interop-") as temporary:
        folder = given.keep or Path(temporary)
        versions = programs.versions(folder / "versions")
        say(*(f"{name}: {version}" for name, version in versions.items()), "")
        say(f"{'scenario':28}  {'verdict':7}  seconds")
        verdicts = []
        with ThreadPoolExecutor(given.jobs) as pool:
            for found in pool.map(lambda s: play(s, programs, folder), chosen(given.only)):
                show(found)
                verdicts.append(found)
    document = {"versions": versions, "scenarios": [asdict(v) for v in verdicts]}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(document, indent=2) + "\n")
    counts = {
        w: sum(v.verdict == w for v in verdicts) for w in ("works", "fails", "broken", "not run")
    }
    say("", ", ".join(f"{n} {w}" for w, n in counts.items()) + f"; {given.out}")
    return 1 if counts["fails"] + counts["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
