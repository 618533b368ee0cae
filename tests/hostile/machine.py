"""C: the machine's own damage, and Y: desired states that nobody should accept.

Where the archive is hurt there was a run before, to servers `one` and `two`; `three` is new.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.nostr.filters import Filter
from reconciler.sandbox.demo import history
from tests.kit.program import Case, command

_FAULTS = frozenset({1, 3, 6, 64, 75, 77, 78})
_TOOL = Path(shutil.which("git") or "/usr/bin/git")


@dataclass(frozen=True, kw_only=True)
class Harm:
    """One case: what is spoilt before the run, and how it must end."""

    spoil: Callable[[Case], None] = field(default=lambda _: None)
    env: Mapping[str, str] = field(default_factory=dict)
    wrap: str = ""
    """A shell command that runs the program as "$@"."""
    seasoned: bool = False
    """A run before, so that there is an archive."""
    converges: bool = True
    codes: frozenset[int] = frozenset({0})
    silent: str = ""
    """Words that must not be said."""
    judge: Callable[[Case], str] = field(default=lambda _: "")


def _state(case: Case, name: str) -> Path:
    path = case.folder / "state" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return path


def _writes(name: str, text: str) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        _state(case, name).write_text(text)

    return spoil


def _fifo(name: str) -> Callable[[Case], None]:
    return lambda case: os.mkfifo(_state(case, name))


def _objects(case: Case) -> list[Path]:
    found = (case.folder / "state" / "archive" / "repositories").rglob("objects/*/*")
    return [path for path in found if path.is_file() and path.suffix not in (".idx", ".rev")]


def _spoilt(change: Callable[[bytes], bytes]) -> Callable[[Case], None]:
    """Every object and pack of the archive, as a power cut leaves them."""

    def spoil(case: Case) -> None:
        files = _objects(case)
        if not files:
            raise AssertionError("no archive to spoil")
        for path in files:
            path.chmod(0o600)
            path.write_bytes(change(path.read_bytes()))

    return spoil


def _without_objects(case: Case) -> None:
    for path in _objects(case):
        path.unlink()


def _head_cut(case: Case) -> None:
    for path in (case.folder / "state" / "archive" / "repositories").rglob("HEAD"):
        path.write_text("")


def _config_garbage(case: Case) -> None:
    for path in (case.folder / "state" / "archive" / "repositories").rglob("config"):
        path.write_text("[[[ \x00")


def _locks(case: Case) -> None:
    for path in (case.folder / "state" / "archive" / "repositories").glob("**/*.git"):
        for name in ("HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock"):
            (path / name).touch()


def _linked_lock(case: Case) -> None:
    (case.folder / "mine.txt").write_text("precious\n")
    _state(case, "lock").symlink_to(case.folder / "mine.txt")


def _precious(case: Case) -> str:
    same = (case.folder / "mine.txt").read_text() == "precious\n"
    return "" if same else "the file behind the link was overwritten"


def _user_config(text: str) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        (case.folder / ".gitconfig").write_text(text)

    return spoil


def _user_fifo(case: Case) -> None:
    os.mkfifo(case.folder / ".gitconfig")


def _old_git(case: Case) -> None:
    folder = case.folder / "bin"
    folder.mkdir()
    tool = folder / "git"
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in *version*) echo git version 2.20;;\n*) exec {_TOOL} "$@";; esac\n'
    )
    tool.chmod(0o755)


def _summary_fifo(case: Case) -> None:
    os.mkfifo(case.folder / "summary")


def _refused_in_ten_years(case: Case) -> None:
    """The clock was ahead while a server refused everything, and was set right."""
    with closing(sqlite3.connect(_state(case, "memory.sqlite3"))) as file, file:
        file.executescript(_TABLES)
        ids = {event.id for s in case.servers.values() for event in s.events(Filter())}
        rows = [
            (server.url, event_id, case.now + 315_360_000, 0, 9, "blocked: no")
            for server in case.servers.values()
            for event_id in ids
        ]
        file.executemany("INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?)", rows)


_TABLES = """
CREATE TABLE submission (server TEXT, event_id TEXT, at INTEGER, accepted INTEGER, tries INTEGER,
                         message TEXT, PRIMARY KEY (server, event_id));
CREATE TABLE delegated (server TEXT, owner TEXT, identifier TEXT, since INTEGER, until INTEGER,
                        PRIMARY KEY (server, owner, identifier));
CREATE TABLE sent (server TEXT, at INTEGER, events INTEGER);
CREATE TABLE shut (server TEXT PRIMARY KEY, until INTEGER);
PRAGMA user_version = 1;
"""


def _version(number: int) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        with closing(sqlite3.connect(_state(case, "memory.sqlite3"))) as file, file:
            file.executescript(f"CREATE TABLE other (x); PRAGMA user_version = {number};")

    return spoil


def _twelve_megabytes(case: Case) -> None:
    """One more commit on the server that has the repository, of what does not compress."""
    source = case.sources["widget"]
    blob = history.git(source, "hash-object", "-w", "--stdin", stdin=os.urandom(12 * 2**20))
    row = f"100644 blob {blob.decode().strip()}\tlarge\n"
    tree = history.git(source, "mktree", stdin=row.encode()).decode().strip()
    main = history.refs(source)["refs/heads/main"]
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    commit = history.git(source, *who, "commit-tree", tree, "-p", main, stdin=b"large\n")
    history.git(source, "update-ref", "refs/heads/main", commit.decode().strip())
    case.host("widget", None, ["one"], at=case.now - 60)


def _says_full(case: Case) -> str:
    report = json.loads((case.folder / "reports" / "latest.json").read_text())
    said = json.dumps(report["outcomes"])
    if "space left" not in said.lower():
        return "the report does not say that the disk is full"
    blamed = [o for o in report["outcomes"] if o["result"] == "unreachable" or o["bad_sources"]]
    return f"a server is blamed: {blamed[:1]}" if blamed else ""


_SMALL_DISK = (
    "mkdir -p state && exec unshare -rm sh -c "
    '\'mount -t tmpfs -o size=8m,mode=700 none state && exec "$@"\' sh "$@"'
)
HARMS: Mapping[str, Harm] = {
    "C2 memory: garbage": Harm(spoil=_writes("memory.sqlite3", "\x00 garbage")),
    "C3 memory: truncated": Harm(spoil=_writes("memory.sqlite3", "SQLite format 3\x00" + "x" * 99)),
    "C4 memory: of a future version": Harm(spoil=_version(99)),
    "C4b memory: of another program": Harm(spoil=_version(1)),
    "C5 seen.json: nested 100,000 deep": Harm(spoil=_writes("seen.json", "[" * 100_000)),
    "C6 seen.json: numbers of 400 digits": Harm(
        spoil=_writes("seen.json", '[{"at": ' + "9" * 400 + "}]")
    ),
    "C8 memory: refused ten years ahead": Harm(spoil=_refused_in_ten_years),
    "C9 lock file of a dead process": Harm(spoil=_writes("lock", "999999\n")),
    "C10 lock is a link to a file of the user's": Harm(
        spoil=_linked_lock, converges=False, codes=_FAULTS - {1}, judge=_precious
    ),
    "C11 lock is a folder": Harm(
        spoil=lambda case: _state(case, "lock").mkdir(), converges=False, codes=_FAULTS - {1}
    ),
    "C12 lock is a FIFO": Harm(spoil=_fifo("lock"), converges=False, codes=_FAULTS - {1}),
    "C13 archive is a file": Harm(spoil=_writes("archive", "x"), converges=False, codes=_FAULTS),
    "C15 archive: second half of all objects zeroed": Harm(
        spoil=_spoilt(lambda d: d[: len(d) // 2] + bytes(len(d) - len(d) // 2)), seasoned=True
    ),
    "C16 archive: objects gone": Harm(spoil=_without_objects, seasoned=True),
    "C17 archive: HEAD truncated": Harm(spoil=_head_cut, seasoned=True),
    "C18 archive: left-over lock files": Harm(spoil=_locks, seasoned=True),
    "C19 archive: config is garbage": Harm(spoil=_config_garbage, seasoned=True),
    "C21 the disk is full after 8 MB": Harm(
        spoil=_twelve_megabytes, wrap=_SMALL_DISK, converges=False, codes=frozenset({3}),
        judge=_says_full,
    ),
    "C24 TMPDIR is not there": Harm(env={"TMPDIR": "/nowhere"}),
    "C28 latest.json is a folder": Harm(
        spoil=lambda case: (case.folder / "reports/latest.json").mkdir(parents=True),
        codes=frozenset({0, 3}),
    ),
    "C30 memory is a FIFO": Harm(spoil=_fifo("memory.sqlite3")),
    "C30b seen.json is a FIFO": Harm(spoil=_fifo("seen.json")),
    "C31 GITHUB_STEP_SUMMARY is a FIFO": Harm(
        spoil=_summary_fifo, env={"GITHUB_STEP_SUMMARY": "summary"}
    ),
    "C32 GITHUB_STEP_SUMMARY in a folder that is not there": Harm(
        env={"GITHUB_STEP_SUMMARY": "/nowhere/summary"}
    ),
    "C33 stdout is /dev/full": Harm(wrap='"$@" > /dev/full'),
    "C34 stdout is closed": Harm(wrap='"$@" >&-'),
    "C35 stderr is closed": Harm(wrap='"$@" 2>&-'),
    "C36 stdout is a pipe without a reader": Harm(
        wrap='trap "" PIPE; { "$@"; echo $? > code; } | true; exit $(cat code)'
    ),
    "C37 ASCII output": Harm(
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
             "PYTHONIOENCODING": "ascii"}
    ),
    "C38 COLUMNS=1": Harm(env={"COLUMNS": "1"}),
    "C39 ulimit -n 64": Harm(wrap='ulimit -n 64; "$@"'),
    "C43 git is 2.20": Harm(
        spoil=_old_git, wrap='PATH="$PWD/bin:$PATH" "$@"', converges=False,
        codes=frozenset({64, 78}),
    ),
    "C46 hostile GIT_ variables": Harm(
        env={"GIT_DIR": "/nowhere", "GIT_SSH_COMMAND": "touch owned", "GIT_EXTERNAL_DIFF": "x",
             "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor",
             "GIT_CONFIG_VALUE_0": "touch owned"}
    ),
    "C48 ~/.gitconfig with a syntax error": Harm(spoil=_user_config("[[[ x")),
    "C49 ~/.gitconfig is a FIFO": Harm(spoil=_user_fifo),
    "C50 proxies in the environment": Harm(
        env={"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "socks5://127.0.0.1:1"}
    ),
    "C88 archive: every object is cut in half": Harm(
        spoil=_spoilt(lambda data: data[: len(data) // 2]), seasoned=True
    ),
    "C89 archive: every object is empty": Harm(spoil=_spoilt(lambda _: b""), seasoned=True),
    "C90 archive: every object is all zeros": Harm(
        spoil=_spoilt(lambda data: bytes(len(data))), seasoned=True
    ),
}  # fmt: skip

_HEAD = "version: 1\nservers: [https://a.example]\nnpubs: []\n"
TEXTS: Mapping[str, str] = {
    "Y1 an anchor": "version: &a 1\n",
    "Y2 an alias bomb": "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "Y3 a python tag": "version: !!python/object/apply:os.system ['touch owned']\n",
    "Y7 a key twice": _HEAD + "version: 1\n",
    "Y9 version is a float": "version: 1.0\n",
    "Y16 a number of 400 digits": "version: " + "9" * 400 + "\n",
    "Y26 a NUL": "version: 1\x00\n",
    "Y27 10 MB": _HEAD + "# " + "x" * 10_000_000 + "\n",
    "Y28 nothing": "",
    "Y34 nested 10,000 deep": "[" * 10_000,
    "Y39 a server ext::": _HEAD.replace("https://a.example", '"ext::sh -c id"'),
    "Y40 a server file://": _HEAD.replace("https:", "file:/"),
    "Y41 a server with a password": _HEAD.replace("https://", "https://u:secretpass@"),
    "Y42 a server that begins with a dash": _HEAD.replace("https://", "-oProxyCommand="),
    "Y48 an nsec in the file": _HEAD + "key: nsec1" + "q" * 58 + "\n",
}


def argv(case: Case, harm: Harm) -> list[str]:
    """The call."""
    call = command(case.folder, "-f", case.folder / "desired-state.yaml", "--apply")
    return ["sh", "-c", harm.wrap, "sh", *call] if harm.wrap else call


def validating(path: Path) -> list[str]:
    """`reconcile validate`."""
    return [sys.executable, "-m", "reconciler", "validate", "-f", str(path)]
