"""The run lock and atomic writes, with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.edge import files
from reconciler.edge.files import Busy, locked
from reconciler.errors import UserFault

HOLD = """
import sys, pathlib
from reconciler.edge.files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "held\n"
    return child


def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        with pytest.raises(Busy, match=rf"process {child.pid}\) holds .*lock"), locked(tmp_path):
            pass
        child.kill()


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    with locked(tmp_path):
        pass


def as_link(path: Path) -> None:
    (path.parent / "precious").write_text("precious")
    path.symlink_to("precious")


def as_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    "make", [as_link, as_socket, os.mkfifo, Path.mkdir], ids=lambda f: f.__name__
)
def test_only_a_plain_file_is_a_lock(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "lock")
    with pytest.raises(UserFault, match="cannot be opened") as found, locked(tmp_path):
        pass
    assert found.value.mistakes[0].place == str(tmp_path / "lock")
    if make is as_link:
        assert "it is a link" in str(found.value)
        assert (tmp_path / "precious").read_text() == "precious"


def test_another_folder_is_another_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "a"), locked(tmp_path / "b"):
        assert (tmp_path / "a").stat().st_mode & 0o077 == 0


def test_a_reader_sees_the_old_text_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.json"
    texts = ["a" * 200_000, "b" * 200_000]
    files.write(path, texts[0])
    seen = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(20):
        files.write(path, texts[number % 2])
    done.set()
    reader.join()
    assert seen <= set(texts)
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    files.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    files.write(path, "old")
    script = "import sys, pathlib; from reconciler.edge import files\n"
    script += "files.write(pathlib.Path(sys.argv[1]), 'x' * 100_000)"
    # SIGXFSZ is ignored by Python, so the write ends with EFBIG, as on a full disk
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'ulimit -f 20; exec "$@"',
            "sh",
            sys.executable,
            "-B",
            "-c",
            script,
            path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File too large" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_reading_has_a_limit_and_names_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"x" * 10)
    assert files.read(path, limit=10, what="plan") == b"x" * 10
    for target, limit, words in (
        (path, 9, "larger than 9 bytes"),
        (tmp_path, 9, "the plan is not a file"),
        (tmp_path / "none", 9, "does not exist"),
    ):
        with pytest.raises(UserFault, match=words):
            files.read(target, limit=limit, what="plan")
