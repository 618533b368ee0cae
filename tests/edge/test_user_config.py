"""git's configuration of whoever runs us plays no part."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .yard import Yard, offer, tips

RUN = """
import sys
from pathlib import Path
from tests.edge.yard import WIDGET, Yard
archive = Yard(Path(sys.argv[1]), sys.argv[3]).archive()
archive.repair()
archive.gather(WIDGET, frozenset({sys.argv[2]}), ("one",))
print(*archive.holds(WIDGET, frozenset({sys.argv[2]})), len(archive.ancestry(WIDGET, ())))
with archive.pack(WIDGET, frozenset({sys.argv[2]}), frozenset()) as pack:
    print(pack.stat().st_size > 100)
archive.close()
"""


def broken(file: Path) -> None:
    file.write_text("[core\nx = \x00")


def hostile(file: Path) -> None:
    file.write_text('[url "file:///nowhere/"]\n\tinsteadOf = file:///\n[core]\n\tbare = no\n')


@pytest.mark.parametrize("write", [broken, hostile, os.mkfifo], ids=["broken", "hostile", "pipe"])
@pytest.mark.parametrize("place", ["home/.gitconfig", "home/.config/git/config", "xdg/git/config"])
def test_it_is_not_read(
    yard: Yard, origin: Path, tmp_path: Path, place: str, write: Callable[[Path], None]
) -> None:
    offer(yard, origin, "one", "refs/heads/main")
    main = tips(origin)["refs/heads/main"]
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    write(file)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), main, yard.host],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(tmp_path / "home"),
        }
        | ({"XDG_CONFIG_HOME": str(tmp_path / "xdg")} if place.startswith("xdg") else {}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == [main, "0", "True"]
