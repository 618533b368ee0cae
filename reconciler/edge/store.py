"""One bare repository of the archive, asked and changed through the git program alone.

Whether an object is here is asked of a child, under a time limit: a file that a power cut left
half written must be able to do no more than end that child. Whoever writes holds the archive's lock
for this repository and the run lock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Final

from reconciler.edge.child import Git, check, is_local
from reconciler.errors import PeerFault
from reconciler.git import receive_pack
from reconciler.git.advertisement import ZERO
from reconciler.git.receive_pack import RefUpdate
from reconciler.limits import ANCESTRY_COMMITS, CHILD_WALL_SECONDS, PACK_BYTES, QUESTION_SECONDS
from reconciler.model.observed import Ancestry, Cause, Commit, Unknown
from reconciler.plumbing.child import Done, Watch
from reconciler.world import Failure

KEPT: Final = "refs/archive/"
"""Objects live as long as a ref here names them, or something that needs them."""
_RECEIVE: Final = {
    "receive.fsckObjects": "true",
    "receive.autogc": "false",
    "receive.unpackLimit": "1",
    "receive.maxInputSize": str(PACK_BYTES),
    "core.fsync": "all",
}
"""What arrives stays one pack (unpackLimit) instead of a file for each object, and pack, index and
ref are on the disk before git says that it is done (core.fsync; by itself git syncs neither loose
objects nor refs): after a power cut they are there, or they are not there.
"""
_HAVES: Final = 256
"""Tips that a server is told of: the newest, so that it sends what is newer still."""
_CONFIG: Final = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
_PACKS: Final = 50
"""Packs of one repository; git searches all of them for each object, so more are joined."""


class Store:
    """The repository at `path`, which need not exist."""

    def __init__(self, path: Path, git: Git) -> None:
        self.path = path
        self._git = git

    # --- questions ---

    def holds(self, oids: Iterable[str]) -> frozenset[str]:
        """Those of the objects that are here; none when the repository cannot be read."""
        return frozenset(name for name, oid in self._named(oids).items() if oid)

    def ancestry(self, pairs: Iterable[tuple[str, str]]) -> tuple[Ancestry, ...]:
        """Of each (old, new): is `old` an ancestor of `new`, and what is lost if it is not?

        Tags count as what they point to. What cannot be told within QUESTION_SECONDS, all pairs
        together, is unknown.
        """
        wanted = tuple(pairs)
        names = self._named(f"{oid}^{{commit}}" for pair in wanted for oid in pair)
        end = time.monotonic() + QUESTION_SECONDS
        return tuple(self._ancestry(pair, names, end) for pair in wanted)

    def root(self, oid: str) -> str | None:
        """The commit without parents from which the first-parent line leads to this one; None when
        it cannot be told."""
        if not self.holds((oid,)):
            return None
        try:
            done = self._run(
                "rev-list", "--first-parent", "--max-parents=0", oid, seconds=QUESTION_SECONDS
            )
        except Failure:
            return None
        lines = done.out.decode("ascii", "replace").split()
        return lines[0] if done.code == 0 and lines else None

    def tips(self) -> frozenset[str]:
        """The newest of what is kept here; none when it cannot be told."""
        if not self.path.exists():
            return frozenset()
        newest = ("--sort=-creatordate", f"--count={_HAVES}", "--format=%(objectname)")
        try:
            done = self._run("for-each-ref", *newest, KEPT, seconds=QUESTION_SECONDS)
        except Failure:
            return frozenset()
        return frozenset() if done.code else frozenset(done.out.decode().split())

    def is_torn(self) -> bool:
        """Is a pack, or a pack's index, not what git wrote? Each ends with its own SHA-1.

        git copies out of a pack what it need not unpack, and does not look at it then: a receiver
        would find out, again and again.
        """
        files = (self.path / "objects" / "pack").glob("pack-*.*")
        return any(not _is_whole(file) for file in files if file.suffix in (".pack", ".idx"))

    def is_damaged(self) -> bool:
        """Does git find anything wrong here? Reads everything, so ask when something has failed.

        Raises:
            Failure: it could not be told.
        """
        if not self.path.exists():
            return False
        try:
            (self.path / "HEAD").read_bytes()
        except PermissionError as error:
            raise Failure(Unknown(Cause.LOCAL, f"{error.filename}: {error.strerror}")) from None
        except OSError:
            return True
        done = self._run("fsck", "--no-dangling", "--no-progress")
        short = "memory" in done.text()
        if done.code < 0 or (done.code and (short or is_local(done))):
            raise Failure(Unknown(Cause.LOCAL, f"git fsck: {done.text()}"))
        return done.code != 0

    # --- changes ---

    def create(self) -> None:
        """Make it, unless it is there (git: gitrepository-layout). Raises OSError."""
        if not self.path.exists():
            for folder in ("objects/info", "objects/pack", "refs"):
                (self.path / folder).mkdir(parents=True)
            (self.path / "config").write_text(_CONFIG)
            (self.path / "HEAD").write_text("ref: refs/heads/main\n")

    def keep(self, oid: str) -> None:
        """Let an object that is here stay, whatever else goes. Raises Failure."""
        check(self._run("update-ref", f"{KEPT}{oid}", oid), self.path)

    def receive(self, oids: Iterable[str], pack: Iterable[bytes], watch: Watch) -> None:
        """Take over objects with all that they need, and keep them, if the pack passes git's checks
        and lacks nothing; until then it lies in a quarantine (git: receive-pack).

        Raises:
            Failure: it does not, or what `pack` raised.
        """
        updates = tuple(self._kept(oid) for oid in sorted(oids))
        head = receive_pack.request_head(updates, frozenset({"report-status"}))
        words = ("receive-pack", "--stateless-rpc", str(self.path))
        done = self._git.feed(*words, chunks=chain((head,), pack), config=_RECEIVE, watch=watch)
        self._judge(done)
        if len(list((self.path / "objects" / "pack").glob("*.pack"))) > _PACKS:
            # its failure costs nothing but speed
            self._run("repack", "--geometric=2", "-d", "-n", "--quiet")

    def _kept(self, oid: str) -> RefUpdate:
        """The ref may have outlived its object: then it is set to what it is."""
        name = f"{KEPT}{oid}"
        return RefUpdate(name, oid if (self.path / name).exists() else ZERO, oid)

    def _judge(self, done: Done) -> None:
        """Raises Failure: git did not take it all."""
        check(done, self.path, alone=True)
        try:
            report = receive_pack.parse_report(done.out)
        except PeerFault as fault:
            raise Failure(Unknown(Cause.LOCAL, f"{self.path}: git: {fault}")) from None
        if report.unpack == "ok" and not report.refused:
            return
        said = report.refused[0][1] if report.refused else f"unpack: {report.unpack}"
        words = done.text() if done.faults else said
        here = is_local(done, alone=True)
        detail = f"{self.path}: git: {words}" if here else f"git: {words}"
        raise Failure(Unknown(Cause.LOCAL if here else Cause.PROTOCOL, detail))

    def pack(self, wants: Iterable[str], haves: Iterable[str], out: IO[bytes]) -> None:
        """Write a thin pack of what `wants` need beyond `haves`. Raises Failure."""
        lines = [*sorted(wants), *(f"^{oid}" for oid in sorted(haves))]
        flags = ("--revs", "--stdout", "--thin", "--delta-base-offset", "--quiet")
        check(self._run("pack-objects", *flags, stdin=_lines(lines), out=out), self.path)
        if out.tell() > PACK_BYTES:
            raise Failure(Unknown(Cause.PROTOCOL, "the pack is larger than the limit"))

    # --- the child ---

    def _run(
        self,
        *args: str,
        stdin: bytes = b"",
        out: IO[bytes] | None = None,
        seconds: float = CHILD_WALL_SECONDS,
    ) -> Done:
        return self._git.run(f"--git-dir={self.path}", *args, stdin=stdin, out=out, seconds=seconds)

    def _named(self, names: Iterable[str]) -> dict[str, str | None]:
        """The object that each name means; None for those that are not here."""
        asked = sorted(set(names))
        if not asked or not self.path.exists():
            return {}
        try:
            done = self._run(
                "cat-file",
                "--batch-check=%(objectname):%(objecttype)",  # the type is read from the object
                stdin=_lines(asked),
                seconds=QUESTION_SECONDS,
            )
        except Failure:
            return {}
        answers = done.out.decode("ascii", "replace").splitlines()
        if done.code or len(answers) != len(asked):
            return {}
        found = (None if " " in answer else answer.partition(":")[0] for answer in answers)
        return dict(zip(asked, found, strict=True))

    def _ancestry(
        self, pair: tuple[str, str], names: Mapping[str, str | None], end: float
    ) -> Ancestry:
        old, new = pair
        commits = [names.get(f"{oid}^{{commit}}") for oid in pair]
        if None in commits:
            return Ancestry(old, new, None)
        dropped = (f"{commits[0]}", f"^{commits[1]}")
        try:
            count = self._asked(end, "rev-list", "--count", *dropped)
            if int(count) == 0:
                return Ancestry(old, new, forward=True)
            form = "--format=%H %<(200,trunc)%s"
            log = self._asked(end, "log", f"--max-count={ANCESTRY_COMMITS}", form, *dropped)
        except Failure:
            return Ancestry(old, new, None)
        lines = log.decode("utf-8", "replace").split("\n")[:-1]
        newest = tuple(Commit(line[:40], line[41:].rstrip()) for line in lines)
        return Ancestry(old, new, forward=False, dropped=newest, count=int(count))

    def _asked(self, end: float, *args: str) -> bytes:
        left = end - time.monotonic()
        if left <= 0:
            raise Failure(Unknown(Cause.TIMEOUT, "no time left for this question"))
        done = self._run(*args, seconds=left)
        check(done, self.path)
        return done.out


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _is_whole(file: Path) -> bool:
    """Are its last 20 bytes the SHA-1 of all others? (git: gitformat-pack)"""
    digest = hashlib.sha1(usedforsecurity=False)
    left = file.stat().st_size - 20
    with file.open("rb") as data:
        while left > 0:
            part = data.read(min(left, 2**20))
            digest.update(part)
            left -= len(part) or left
        return data.read() == digest.digest()
