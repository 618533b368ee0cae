"""Fetches from servers that waste time, fill disks or lie, and what is said of them."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from reconciler.edge.fetch import TooLarge
from reconciler.git.pktline import FLUSH, encode_all
from reconciler.limits import FETCH_PROGRESS_BYTES
from reconciler.model.observed import BadSource, Cause, Unknown
from reconciler.sandbox.demo import history
from reconciler.world import Failure, NotGathered
from tests.kit.peers import Talk, answer, door, request

from .test_archive import bad_tree, make
from .yard import OTHER, WIDGET, Yard, offer, tips, wrap

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n\r\n"


def upload(path: Path, pieces: Iterator[bytes]) -> Talk:
    """Smart HTTP (protocol v0): the refs of `path`, and these as the answer to a request."""
    refs = [(oid, name) for name, oid in sorted(tips(path).items())]
    lines = [f"{oid} {name}".encode() for oid, name in refs]
    lines[0] += b"\0side-band-64k ofs-delta"
    advert = encode_all([b"# service=git-upload-pack\n", FLUSH, *lines, FLUSH])

    def talk(connection: socket.socket) -> None:
        if request(connection).startswith(b"GET "):
            kind = "Content-Type: application/x-git-upload-pack-advertisement"
            connection.sendall(answer("200 OK", advert, kind))
            return
        connection.sendall(HEAD + encode_all([b"NAK\n"]))
        for piece in pieces:
            connection.sendall(encode_all([piece]))
        connection.sendall(encode_all([FLUSH]))

    return talk


def chatter(seconds: float, every: float = 0.1, size: int = 300) -> Iterator[bytes]:
    """Side-band talk without a pack."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield b"\2" + b"." * (size - 1) + b"\n"
        time.sleep(every)


def in_pieces(data: bytes, *, size: int, every: float) -> Iterator[bytes]:
    """A pack, slowly."""
    for start in range(0, len(data), size):
        yield b"\1" + data[start : start + size]
        time.sleep(every)


@contextmanager
def serving(yard: Yard, name: str, pieces: Iterator[bytes]) -> Iterator[None]:
    with door(upload(yard.folder / "servers" / name, pieces)) as found:
        yard.urls[name] = f"{found.url}/x.git"
        yield


def with_blob(yard: Yard, name: str, size: int) -> str:
    """A server with one commit of one large file; its id."""
    path = yard.server(name)
    blob = make(path, "blob", random.Random(size).randbytes(size))
    tree = make(path, "tree", b"100644 x\0" + bytes.fromhex(blob))
    text = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n"
    commit = make(path, "commit", text.encode())
    history.git(path, "update-ref", "refs/heads/main", commit)
    return commit


def pack_of(path: Path) -> bytes:
    return history.git(path, "pack-objects", "--all", "--revs", "--stdout", "--quiet", stdin=b"\n")


# --- time ------------------------------------------------------------------------------------


def test_talk_without_a_pack_ends_and_the_server_is_not_asked_again(
    yard: Yard, origin: Path
) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    for name in ("slow", "good"):
        offer(yard, origin, name, "refs/heads/main")
    archive = yard.archive(idle=1.0)
    start = time.monotonic()
    with serving(yard, "slow", chatter(60)):
        (bad,) = archive.gather(WIDGET, main, ("slow", "good"))
        (again,) = archive.gather(OTHER, main, ("slow", "good"))
        with pytest.raises(Failure, match="not asked again in this run"):
            archive.try_clone(OTHER, main, "slow")
    assert time.monotonic() - start < 10
    assert bad.server == again.server == "slow"
    assert bad.unknown == Unknown(Cause.TIMEOUT, "no pack came for 1 s, whatever else was said")
    assert again.unknown.cause is Cause.SKIPPED
    assert yard.asked == ["slow", "good", "good"]
    assert archive.holds(OTHER, main) == main
    assert yard.staged() == []


def test_a_slow_pack_is_waited_for(yard: Yard) -> None:
    oid = with_blob(yard, "slow", 5 * FETCH_PROGRESS_BYTES)
    data = pack_of(yard.folder / "servers" / "slow")
    # pieces of more than a third of the least progress, in far less than a third of the time
    pieces = in_pieces(data, size=25_000, every=0.2)
    with serving(yard, "slow", pieces):
        assert yard.archive(idle=2.0).gather(WIDGET, frozenset({oid}), ("slow",)) == ()


def test_git_s_own_work_is_not_the_server_s_time(yard: Yard, origin: Path) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "one", "refs/heads/main")
    wrap(yard, "receive-pack", 'sleep 2; exec $git "$@"')
    assert yard.archive(idle=0.5).gather(WIDGET, main, ("one",)) == ()
    wrap(yard, "receive-pack", '$git "$@"; code=$?; sleep 2; exit $code')
    assert yard.archive(idle=0.5).gather(OTHER, main, ("one",)) == ()


# --- disk ------------------------------------------------------------------------------------


def test_chatter_fills_neither_disk_nor_memory(yard: Yard, origin: Path) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "loud", "refs/heads/main")
    pieces = (b"\2" + (b"." * 1000 + b"\n") * 60 for _ in range(3_000))
    start = time.monotonic()
    with serving(yard, "loud", pieces), pytest.raises(NotGathered, match="16 MB of chatter"):
        yard.archive().gather(WIDGET, main, ("loud",))
    assert time.monotonic() - start < 30


def test_a_clone_that_is_tried_stays_within_its_quota(yard: Yard) -> None:
    oid = with_blob(yard, "big", 3_000_000)
    sizes: list[int] = []
    archive = yard.archive(quota=2**20, charge=lambda _: nullcontext(sizes.append))
    with pytest.raises(TooLarge, match="larger than 1 MB"):
        archive.try_clone(WIDGET, frozenset({oid}), "big")
    (size,) = sizes
    assert 2**20 < size < 2_000_000
    assert yard.staged() == []


def test_of_large_ones_one_at_a_time_goes_on_and_nothing_comes_twice(yard: Yard) -> None:
    oids = [with_blob(yard, name, 3_000_000 + n) for n, name in enumerate(("big", "huge"))]
    sizes: list[int] = []
    archive = yard.archive(quota=2**20, charge=lambda _: nullcontext(sizes.append))
    go = threading.Event()
    data = pack_of(yard.folder / "servers" / "big")

    def halting() -> Iterator[bytes]:
        yield from in_pieces(data[:2_000_000], size=50_000, every=0)
        go.wait(10)
        yield from in_pieces(data[2_000_000:], size=50_000, every=0)

    with serving(yard, "big", halting()), ThreadPoolExecutor(2) as pool:
        first = pool.submit(archive.gather, WIDGET, frozenset(oids[:1]), ("big",))
        time.sleep(0.5)
        second = pool.submit(archive.gather, OTHER, frozenset(oids[1:]), ("huge",))
        time.sleep(1)
        assert not second.done()  # it waits where the quota ends
        go.set()
        assert first.result(10) == second.result(10) == ()
    assert len(sizes) == 2
    assert all(3_000_000 < size < 3_100_000 for size in sizes)


FULL = "No space left on device"


@pytest.mark.parametrize("words", [f"fatal: write error: {FULL}", f"remote: fatal: {FULL}"])
def test_a_full_disk_is_said_with_its_place_and_is_no_server_s_fault(
    yard: Yard, origin: Path, words: str
) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "one", "refs/heads/main")
    wrap(yard, "receive-pack", f'echo "{words}" >&2; exit 128')
    with pytest.raises(Failure) as found:
        yard.archive().gather(WIDGET, main, ("one", "two"))
    assert found.value.unknown.cause is Cause.LOCAL
    assert words in str(found.value)
    assert str(yard.folder / "archive") in str(found.value)


@pytest.mark.parametrize("said", [b"\3fatal: ", b"ERR "])
def test_a_server_s_full_disk_is_the_server_s(yard: Yard, origin: Path, said: bytes) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "one", "refs/heads/main")
    with serving(yard, "one", iter([said + FULL.encode()])), pytest.raises(NotGathered) as found:
        yard.archive().gather(WIDGET, main, ("one",))
    (bad,) = found.value.bad
    assert bad.unknown.cause is Cause.PROTOCOL
    assert bad.unknown.detail.startswith("the server says: ")


@pytest.mark.parametrize("end", [0, 1, 1000, -20, -1])
def test_a_pack_that_ends_early_leaves_nothing(yard: Yard, origin: Path, end: int) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "one", "refs/heads/main")
    data = pack_of(yard.folder / "servers" / "one")[:end]
    with serving(yard, "one", in_pieces(data, size=500, every=0)), pytest.raises(NotGathered):
        yard.archive().gather(WIDGET, main, ("one",))
    assert yard.archive().holds(WIDGET, main) == frozenset()
    assert [p for p in (yard.repository() / "objects").rglob("*") if p.is_file()] == []


def test_a_pack_of_other_objects_is_refused(yard: Yard, origin: Path) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "one", "refs/heads/main")
    with_blob(yard, "other", 1000)
    data = pack_of(yard.folder / "servers" / "other")
    with serving(yard, "one", in_pieces(data, size=500, every=0)), pytest.raises(NotGathered):
        yard.archive().gather(WIDGET, main, ("one",))
    assert yard.archive().holds(WIDGET, main) == frozenset()


def test_only_what_is_new_travels(yard: Yard) -> None:
    with_blob(yard, "one", 1_000_000)
    path = yard.folder / "servers" / "one"
    sizes: list[int] = []
    archive = yard.archive(charge=lambda _: nullcontext(sizes.append))
    archive.gather(WIDGET, frozenset(tips(path).values()), ("one",))
    new = history.extend(path, 5)
    archive = yard.archive(charge=lambda _: nullcontext(sizes.append))
    archive.gather(WIDGET, frozenset({new}), ("one",))
    first, second = sizes
    assert first > 1_000_000
    assert second < 10_000
    history.git(yard.repository(), "fsck", "--full", "--strict")


def test_a_place_that_is_no_folder_is_said(yard: Yard, origin: Path) -> None:
    offer(yard, origin, "one", "refs/heads/main")
    (yard.folder / "archive").write_text("")
    with pytest.raises(Failure) as found:
        yard.archive().gather(WIDGET, frozenset({tips(origin)["refs/heads/main"]}), ("one",))
    assert found.value.unknown.cause is Cause.LOCAL
    assert str(yard.folder / "archive") in str(found.value)


def test_what_cannot_be_opened_is_not_thrown_away(yard: Yard, origin: Path) -> None:
    """A machine out of files or memory must not be read as a damaged archive."""
    main = frozenset({tips(origin)["refs/heads/main"]})
    offer(yard, origin, "one", "refs/heads/main")
    yard.archive().gather(WIDGET, main, ("one",))
    repository = yard.repository()
    for words in ("error: x: Too many open files", "fatal: Out of memory, malloc failed"):
        wrap(yard, " fsck ", f'echo "{words}" >&2; exit 128')
        with (
            pytest.raises(Failure, match="fsck"),
            yard.archive().pack(WIDGET, frozenset({"1" * 40}), frozenset()),
        ):
            pass
        assert yard.repository() == repository


# --- words -----------------------------------------------------------------------------------


def test_the_reason_names_the_server_and_what_is_wrong(yard: Yard) -> None:
    oid = bad_tree(yard.server("bad"), b".git")
    with pytest.raises(NotGathered) as found:
        yard.archive().gather(WIDGET, frozenset({oid}), ("absent", "bad"))
    (bad,) = found.value.bad
    assert bad.server == "bad"
    assert bad.unknown.cause is Cause.PROTOCOL
    assert "hasDotgit" in bad.unknown.detail
    assert f"could not be fetched (bad: {bad.unknown})" in str(found.value)


def test_a_bad_source_is_told_although_another_is_good(yard: Yard, origin: Path) -> None:
    main = tips(origin)["refs/heads/main"]
    offer(yard, origin, "good", "refs/heads/main")
    offer(yard, origin, "bad", "refs/heads/main")
    yard.urls["bad"] = "http://127.0.0.1:1/x.git"
    (bad,) = yard.archive().gather(WIDGET, frozenset({main}), ("bad", "good"))
    assert isinstance(bad, BadSource)
    assert bad.server == "bad"
    assert bad.unknown == Unknown(Cause.REFUSED, "nothing listens there")


def test_each_fetch_is_charged_and_may_be_refused(yard: Yard, origin: Path) -> None:
    main = frozenset({tips(origin)["refs/heads/main"]})
    for name in ("one", "two"):
        offer(yard, origin, name, "refs/heads/main")
    charges: list[tuple[str, int]] = []

    @contextmanager
    def charge(server: str) -> Iterator[Callable[[int], None]]:
        if server == "one":
            raise Failure(Unknown(Cause.RATE, "had its share"))
        yield lambda size: charges.append((server, size))

    (bad,) = yard.archive(charge=charge).gather(WIDGET, main, ("one", "two"))
    assert bad == BadSource("one", Unknown(Cause.RATE, "had its share"))
    ((server, size),) = charges
    assert server == "two"
    assert size > 1000
    assert yard.asked == ["two"]
