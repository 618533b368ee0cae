"""The git program as a child: what it is given, and what it cannot take."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from reconciler.edge.child import Excess, Git, find_git, git_version, known_holes
from reconciler.errors import UserFault
from reconciler.limits import (
    CHILD_CHATTER_BYTES,
    CHILD_CHATTER_KEPT_BYTES,
    CHILD_MEMORY_BYTES,
    CHILD_OUTPUT_BYTES,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.plumbing.child import Children
from reconciler.world import Failure


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


def test_git_inherits_nothing_of_our_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "canary-value")
    monkeypatch.setenv("GIT_DIR", "/canary-value")
    monkeypatch.setenv("HTTPS_PROXY", "http://canary-value")
    done = Git(home, "/usr/bin/env").run()
    given = dict(line.split("=", 1) for line in done.out.decode().splitlines())
    assert "canary-value" not in done.out.decode()
    given = {name: value for name, value in given.items() if name not in ("PWD", "_")}
    assert all(name.startswith("GIT_") or name in _PLAIN for name in given)
    assert given["HOME"] == str(home)
    assert given["GIT_ALLOW_PROTOCOL"] == ""
    assert given["GIT_NO_REPLACE_OBJECTS"] == "1"
    assert not list(home.iterdir())


_PLAIN = {"PATH", "HOME", "LC_ALL", "SSH_ASKPASS"}


def test_no_descriptor_is_inherited(home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    with secret.open() as file:
        os.set_inheritable(file.fileno(), True)
        done = Git(home, "/bin/sh").run("-c", "ls /proc/self/fd")
    # the last one is the folder that ls itself reads
    assert done.out.split() in ([b"0", b"1", b"2", b"3"], [b"0", b"1", b"2"])


def test_git_s_settings_are_ours(home: Path) -> None:
    (home / ".gitconfig").write_text("[transfer]\n\tfsckObjects = false\n")
    git = Git(home, find_git())
    assert git.run("config", "--get", "transfer.fsckObjects").out == b"true\n"
    done = git.run("config", "--get", "core.fsync", config={"core.fsync": "none"})
    assert done.out == b"none\n"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x.git",
        "https://127.0.0.1:1/x.git",
        "git://127.0.0.1:1/x.git",
        "ssh://-oProxyCommand=touch${IFS}canary/x",
        "file:///etc",
        "/etc",
        "ext::sh -c 'touch canary'",
        "fd::3",
        "--upload-pack=touch canary",
    ],
)
def test_it_talks_to_nobody(home: Path, url: str) -> None:
    done = Git(home, find_git()).run("ls-remote", "--", url)
    assert done.code == 128
    assert "not allowed" in done.text() or "strange pathname" in done.err.decode()
    assert not list(home.iterdir())


def test_a_child_that_hangs_dies_with_its_children(home: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}; wait"
    start = time.monotonic()
    with pytest.raises(Failure) as found:
        Git(home, "/bin/sh").run("-c", script, seconds=0.5)
    assert found.value.unknown.cause is Cause.TIMEOUT
    assert time.monotonic() - start < 5
    for pid in pids.read_text().split():
        assert _ends(int(pid))


def _ends(pid: int) -> bool:
    """Is it gone, or about to be reaped by whoever inherited it?"""
    for _ in range(100):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return True
        if stat.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_who_prints_without_end_is_ended(home: Path) -> None:
    for stream, limit in ("1", CHILD_OUTPUT_BYTES), ("2", CHILD_CHATTER_BYTES):
        start = time.monotonic()
        with pytest.raises(Failure, match=f"more than {limit >> 20} MB") as found:
            Git(home, "/bin/sh").run("-c", f"cat /dev/zero >&{stream}; sleep 60")
        assert found.value.unknown.cause is Cause.PROTOCOL
        assert time.monotonic() - start < 30


def test_of_chatter_the_beginning_is_kept_and_what_went_wrong(home: Path) -> None:
    script = """
        echo 'remote: hello' >&2; head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2
        printf 'progress 1%%\rerror: the first\n' >&2
        echo 'error: the first' >&2; echo 'remote: fatal: the second' >&2
        head -c 3000000 /dev/zero >&2; echo >&2
        echo 'fatal: the third' >&2; echo 'fatal: the fourth' >&2; exit 3
    """
    done = Git(home, "/bin/sh").run("-c", script)
    assert done.code == 3
    assert len(done.err) == CHILD_CHATTER_KEPT_BYTES
    assert done.text() == "error: the first; remote: fatal: the second; fatal: the third"


def test_without_an_error_the_last_line_is_told(home: Path) -> None:
    git = Git(home, "/bin/sh")
    assert git.run("-c", "echo one >&2; echo two >&2; exit 1").text() == "two"
    assert git.run("-c", "exit 4").text() == "git ended with 4"
    assert git.run("-c", "printf 'fatal: no end of line' >&2; exit 4").text() == (
        "fatal: no end of line"
    )


def test_a_grandchild_that_holds_the_pipe_is_not_waited_for(home: Path) -> None:
    start = time.monotonic()
    assert Git(home, "/bin/sh").run("-c", "sleep 60 & echo out").out == b"out\n"
    assert time.monotonic() - start < 10


def test_all_children_can_be_ended(home: Path) -> None:
    git = Git(home, "/bin/sh")
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(git.run, "-c", "sleep 60") for _ in range(3)]
        time.sleep(0.5)
        git.children.kill()
        assert all("stopped" in str(child.exception(10)) for child in running)
    with pytest.raises(Failure, match="stopped"):
        git.run("-c", "sleep 60")


def test_git_runs_under_limits_of_memory_and_time(home: Path) -> None:
    done = Git(home, "/bin/sh").run("-c", "ulimit -v; ulimit -c; ulimit -t")
    assert done.out.split() == [str(CHILD_MEMORY_BYTES // 1024).encode(), b"0", b"300"]


def test_a_delta_bomb_is_defused(home: Path, tmp_path: Path) -> None:
    """About 200 bytes that ask for 4 GB: a delta which copies a 64 KiB base 65,535 times."""
    bomb = delta_bomb(65_535)
    assert len(bomb) < 250
    repository = tmp_path / "r.git"
    git = Git(home, find_git())
    assert git.run("init", "--bare", "--quiet", str(repository)).code == 0
    where = f"--git-dir={repository}"
    assert git.run(where, "index-pack", "--stdin", "--strict", stdin=delta_bomb(2)).code == 0

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    start = time.monotonic()
    done = git.run(where, "index-pack", "--stdin", "--strict", stdin=bomb)
    assert done.code == 128, done.err
    assert "memory" in done.err.decode()
    assert time.monotonic() - start < 30
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after <= max(before, CHILD_MEMORY_BYTES // 1024)


def delta_bomb(copies: int) -> bytes:
    """A pack of two objects (git: gitformat-pack): a blob, and `copies` copies of it."""
    size = 65_536
    base = _entry(3, size) + zlib.compress(b"\0" * size, 9)
    # 0x80 alone: copy from offset 0, and size 0 means 65,536
    delta = _varint(size) + _varint(size * copies) + b"\x80" * copies
    # the base stands directly before: its length is the (negative) offset
    assert len(base) < 16512
    distance = len(base)
    offset = bytes([distance]) if distance < 128 else bytes([0x80 | (distance >> 7) - 1])
    offset += b"" if distance < 128 else bytes([distance & 0x7F])
    entry = _entry(6, len(delta)) + offset + zlib.compress(delta, 9)
    pack = b"PACK" + struct.pack(">II", 2, 2) + base + entry
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()


def _entry(kind: int, size: int) -> bytes:
    first = kind << 4 | size & 15
    rest = size >> 4
    return bytes([first | 0x80]) + _varint(rest) if rest else bytes([first])


def _varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_a_child_killed_by_a_limit_is_an_ordinary_failure(home: Path) -> None:
    done = Git(home, "/bin/sh").run("-c", "kill -XCPU $$")
    assert done.code == -signal.SIGXCPU


def git_that_says(folder: Path, text: str) -> None:
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o700)


@pytest.mark.parametrize(
    "text",
    [
        "echo git version 2.20.1",
        "echo git version 2.36.6",
        "echo git version 1.99",
        "echo hello",
        "exit 1",
        "yes git",
    ],
)
def test_a_git_that_is_too_old_or_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    git_that_says(tmp_path, text)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(UserFault, match="too old") as found:
        find_git()
    assert "2.37" in found.value.mistakes[0].remedy
    assert found.value.mistakes[0].place == str(tmp_path / "git")


@pytest.mark.parametrize(
    ("text", "version", "is_mended"),
    [
        ("2.37.0", (2, 37, 0), False),
        ("2.39.3 (Apple Git-145)", (2, 39, 3), False),
        ("2.39.5", (2, 39, 5), True),
        ("2.44.0", (2, 44, 0), False),
        ("2.45.0", (2, 45, 0), False),
        ("2.45.1.windows.1", (2, 45, 1), True),
        ("2.50.0.rc1", (2, 50, 0), True),
        ("2.51", (2, 51, 0), True),
        ("3.0.1", (3, 0, 1), True),
    ],
)
def test_an_old_git_is_warned_of(
    tmp_path: Path, text: str, version: tuple[int, ...], is_mended: bool
) -> None:
    git_that_says(tmp_path, f"echo 'git version {text}'")
    assert git_version(str(tmp_path / "git")) == version
    assert (known_holes(version) is None) is is_mended


# --- memory ----------------------------------------------------------------------------------


def hold(megabytes: int, seconds: float) -> str:
    """A shell command that holds so much memory for a while."""
    text = f"import time; held = bytearray(b'x' * {megabytes << 20}); time.sleep({seconds})"
    return f'{sys.executable} -c "{text}"'


def test_memory_is_bounded_for_all_that_a_child_starts(home: Path) -> None:
    git = Git(home, "/bin/sh", Children(memory=90 << 20))
    start = time.monotonic()
    with pytest.raises(Excess, match="git took more than 90 MB of memory") as found:
        git.run("-c", f"{hold(60, 20)} & {hold(60, 20)} & wait")
    assert found.value.unknown.cause is Cause.PROTOCOL
    assert time.monotonic() - start < 10
    assert git.run("-c", hold(60, 0.7)).code == 0


def test_the_child_that_holds_most_is_ended_and_its_neighbours_go_on(home: Path) -> None:
    git = Git(home, "/bin/sh", Children(memory=90 << 20))
    with ThreadPoolExecutor(2) as pool:
        small = pool.submit(git.run, "-c", hold(20, 2))
        large = pool.submit(git.run, "-c", hold(120, 20))
        with pytest.raises(Excess):
            large.result(15)
        assert small.result(15).code == 0


def test_files_that_are_mapped_are_no_memory(home: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (120 << 20))
    text = "import mmap, sys, time; f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=1)"
    text += "; sum(m[n] for n in range(0, len(m), 4096)); time.sleep(0.7)"
    git = Git(home, sys.executable, Children(memory=90 << 20))
    assert git.run("-c", text, str(large)).code == 0


# --- what it is fed ----------------------------------------------------------------------------


def pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b"%07d\n" % number


def test_it_reads_what_it_is_fed_whatever_its_size(home: Path) -> None:
    git = Git(home, "/bin/sh")
    for count in (0, 1, 100_000):
        assert git.feed("-c", "wc -l", chunks=pieces(count)).out.split() == [b"%d" % count]


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_one_that_ends_before_it_has_read_all_keeps_nobody(home: Path, size: int) -> None:
    done = Git(home, "/bin/sh").feed("-c", "sleep 0.3; exit 3", chunks=[b"x" * size] * 3)
    assert done.code == 3


def test_what_goes_wrong_while_it_is_fed_is_told_and_it_ends(home: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise Failure(Unknown(Cause.CUT, "the line is gone"))

    log = home / "log"
    with pytest.raises(Failure, match="the line is gone"):
        Git(home, "/bin/sh").feed("-c", f"cat > {log}; echo ended >> {log}", chunks=broken())
    assert log.read_text() == "aended\n"


def test_a_stop_ends_one_that_waits_for_food(home: Path) -> None:
    git = Git(home, "/bin/sh")
    go = Event()

    def slow() -> Iterator[bytes]:
        yield b"a"
        go.wait(5)
        yield b"b" * 1_000_000

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: git.feed("-c", "cat; sleep 60", chunks=slow()))
        time.sleep(0.3)
        git.children.kill()
        go.set()
        with pytest.raises(Failure) as found:
            running.result(5)
    assert found.value.unknown.cause is Cause.STOPPED
