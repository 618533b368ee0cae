"""A process that has read keys, and dies: what is left of it?"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"  # from NIP-19

READ = """
import ctypes, os, resource, sys
from pathlib import Path
from reconciler.sign.keyfile import read_keys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
keys = read_keys(Path(sys.argv[1]))
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3), flush=True)
if len(sys.argv) > 2:
    os.abort()
"""
"""3 is PR_GET_DUMPABLE."""


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    file = folder / "keys.txt"
    file.write_text(f"alice: {NSEC}\n")
    file.chmod(0o600)
    return subprocess.run(
        [sys.executable, "-c", READ, file, *more],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )


def test_no_core_and_no_dump_is_allowed_once_keys_are_read(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.stderr == ""
    assert done.stdout.split("\n")[0] == f"{(0, 0)} {0 if sys.platform == 'linux' else -1}"


def test_an_abort_leaves_no_file(tmp_path: Path) -> None:
    assert run(tmp_path, "abort").returncode == -signal.SIGABRT
    assert [p.name for p in tmp_path.iterdir()] == ["keys.txt"]
