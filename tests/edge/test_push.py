"""`Fleet.push`: conditional on what the server shows, believed in nothing that it says."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.edge.files import locked
from reconciler.edge.fleet import Fleet
from reconciler.git.advertisement import RECEIVE, ZERO
from reconciler.git.pktline import FLUSH, encode_all
from reconciler.git.receive_pack import RefUpdate
from reconciler.model.desired import Desired, Npub, Policies, Server, Throttle
from reconciler.model.observed import Absent, Cause, Listing
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import history
from reconciler.world import Failure, Pushed, Stale
from tests.kit.git import backend, git_dir
from tests.kit.peers import Talk, answer, door, request

REPOSITORY = Coordinate("a" * 64, "grün widget")
MAIN = "refs/heads/main"
OLD, NEW = "1" * 40, "2" * 40
DELETE = (RefUpdate(MAIN, OLD, ZERO),)
"""Needs no pack, so that a scripted server is enough."""
CAPABILITIES = b"report-status delete-refs atomic"


def fleet(stack: ExitStack, folder: Path, *urls: str) -> Fleet:
    servers = tuple(Server(url, (), Throttle(5, 6000, 6000)) for url in urls)
    policies = Policies(allow_private=("127.0.0.0/8",))
    desired = Desired(
        digest="", servers=servers, npubs=(Npub(pubkey="a" * 64, name="alice"),), policies=policies
    )
    stack.enter_context(locked(folder / "state"))
    world = stack.enter_context(Fleet(desired, folder / "state"))
    world.repair()
    return world


class Script:
    """A server that shows `refs`, and answers a push with `said`; `pushes` are what it was sent."""

    def __init__(self, refs: dict[str, str], said: bytes = b"") -> None:
        self.refs = refs
        self.said = said
        self.kind = f"application/x-{RECEIVE}-advertisement"
        self.pushes: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        asked = request(connection)
        if asked.startswith(b"GET "):
            body = self.advertisement()
            connection.sendall(answer("200 OK", body, f"Content-Type: {self.kind}"))
            return
        self.pushes.append(asked.partition(b"\r\n\r\n")[2])
        connection.sendall(self.said)

    def advertisement(self) -> bytes:
        lines = [f"{oid} {name}".encode() for name, oid in sorted(self.refs.items())]
        lines = lines or [ZERO.encode() + b" capabilities^{}"]
        lines[0] += b"\0" + CAPABILITIES
        return encode_all([f"# service={RECEIVE}\n".encode(), FLUSH, *lines, FLUSH])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def served(stack: ExitStack, tmp_path: Path, talk: Talk) -> tuple[Fleet, str]:
    found = stack.enter_context(door(talk))
    return fleet(stack, tmp_path, found.url), found.url


def test_a_ref_that_moved_is_stale_and_nothing_is_sent(stack: ExitStack, tmp_path: Path) -> None:
    script = Script({MAIN: "3" * 40})
    world, url = served(stack, tmp_path, script)
    with pytest.raises(Stale, match=f"{MAIN}: expected {OLD[:12]}, found 333333333333"):
        world.push(url, REPOSITORY, DELETE)
    assert script.pushes == []


def test_one_ref_that_moved_keeps_the_others_back(stack: ExitStack, tmp_path: Path) -> None:
    script = Script({MAIN: OLD, "refs/heads/x": "3" * 40})
    world, url = served(stack, tmp_path, script)
    with pytest.raises(Stale):
        world.push(url, REPOSITORY, (*DELETE, RefUpdate("refs/heads/x", OLD, NEW)))
    assert script.pushes == []


def test_what_is_so_already_is_not_sent(stack: ExitStack, tmp_path: Path) -> None:
    script = Script({"refs/heads/x": NEW})
    world, url = served(stack, tmp_path, script)
    updates = (*DELETE, RefUpdate("refs/heads/x", OLD, NEW))
    assert not world.push(url, REPOSITORY, updates).sent
    assert script.pushes == []


def test_a_push_carries_its_preconditions(stack: ExitStack, tmp_path: Path) -> None:
    report = encode_all([b"unpack ok\n", f"ok {MAIN}\n".encode(), FLUSH])
    script = Script({MAIN: OLD}, answer("200 OK", report))
    world, url = served(stack, tmp_path, script)
    found = world.push(url, REPOSITORY, DELETE)
    assert found == Pushed(sent=True)
    (body,) = script.pushes
    assert f"{OLD} {ZERO} {MAIN}\0".encode() in body
    assert b" atomic " in body
    assert body.endswith(b"0000")  # a deletion alone has no pack


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (answer("200 OK", encode_all([b"ERR not you\n"])), Cause.PROTOCOL, "not you"),
        (answer("200 OK", b"<html>login</html>"), Cause.PROTOCOL, "pkt-line"),
        (answer("403 Forbidden", b"go away"), Cause.HTTP, "403 Forbidden go away"),
        (answer("413 Too Large"), Cause.HTTP, "413"),
        (answer("429 Slow"), Cause.RATE, "429"),
        (answer("302 Found", b"", "Location: http://127.0.0.1:1/"), Cause.PROTOCOL, "redirect"),
        (b"", Cause.CUT, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n000eunp", Cause.CUT, ""),
    ],
    ids=["ERR", "html", "403", "413", "429", "redirect", "cut", "cut in the answer"],
)
def test_a_push_that_was_not_taken(
    stack: ExitStack, tmp_path: Path, said: bytes, kind: Cause, words: str
) -> None:
    script = Script({MAIN: OLD}, said)
    world, url = served(stack, tmp_path, script)
    with pytest.raises(Failure) as found:
        world.push(url, REPOSITORY, DELETE)
    assert (found.value.unknown.cause, words in found.value.unknown.detail) == (kind, True)
    assert len(script.pushes) == 1  # never tried a second time


class Opening(Script):
    """A server that has just made the repository, and lets nobody push there for a moment."""

    def __init__(self, refs: dict[str, str], said: bytes, shut: int) -> None:
        super().__init__(refs, said)
        self.shut = shut

    def __call__(self, connection: socket.socket) -> None:
        if self.shut <= 0:
            super().__call__(connection)
            return
        self.shut -= 1
        request(connection)
        connection.sendall(answer("403 Forbidden"))


def test_a_repository_that_opens_a_moment_later_is_waited_for(
    stack: ExitStack, tmp_path: Path
) -> None:
    report = encode_all([b"unpack ok\n", f"ok {MAIN}\n".encode(), FLUSH])
    script = Opening({MAIN: OLD}, answer("200 OK", report), shut=2)
    world, url = served(stack, tmp_path, script)
    assert world.push(url, REPOSITORY, DELETE) == Pushed(sent=True)
    assert len(script.pushes) == 1


def test_a_repository_that_stays_shut_is_refused_within_seconds(
    stack: ExitStack, tmp_path: Path
) -> None:
    world, url = served(stack, tmp_path, Opening({MAIN: OLD}, b"", shut=99))
    start = time.monotonic()
    with pytest.raises(Failure, match="403"):
        world.push(url, REPOSITORY, DELETE)
    assert time.monotonic() - start < 4


def test_refused_refs_are_named(stack: ExitStack, tmp_path: Path) -> None:
    report = encode_all([b"unpack ok\n", f"ng {MAIN} hook declined\n".encode(), FLUSH])
    world, url = served(stack, tmp_path, Script({MAIN: OLD}, answer("200 OK", report)))
    assert world.push(url, REPOSITORY, DELETE).refused == ((MAIN, "hook declined"),)


def test_a_page_instead_of_an_advertisement(stack: ExitStack, tmp_path: Path) -> None:
    script = Script({MAIN: OLD})
    script.kind = "text/html"
    world, url = served(stack, tmp_path, script)
    with pytest.raises(Failure, match="no smart-HTTP advertisement"):
        world.push(url, REPOSITORY, DELETE)
    assert script.pushes == []


def test_a_listing_that_is_cut_is_no_listing(stack: ExitStack, tmp_path: Path) -> None:
    """Half an advertisement would read as "these refs are absent"."""

    class Cut(Script):
        def advertisement(self) -> bytes:
            return super().advertisement()[:-4]

    script = Cut({MAIN: OLD})
    world, url = served(stack, tmp_path, script)
    with pytest.raises(Failure) as found:
        world.push(url, REPOSITORY, DELETE)
    assert found.value.unknown.cause is Cause.PROTOCOL
    assert script.pushes == []


# --- with git's own server as the judge ------------------------------------------------------


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    """Two servers' folders: the first has a history, the second an empty repository."""
    paths = [tmp_path / "one", tmp_path / "two"]
    history.create(git_dir(paths[0], REPOSITORY), 5)
    empty = git_dir(paths[1], REPOSITORY)
    history.git(None, "init", "--bare", "--quiet", str(empty))
    for path in paths:
        repository = git_dir(path, REPOSITORY)
        history.git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
        history.git(repository, "config", "receive.fsckObjects", "true")
    return paths


def test_git_http_backend_takes_what_we_push(
    stack: ExitStack, tmp_path: Path, roots: list[Path]
) -> None:
    one, two = (stack.enter_context(backend(root)) for root in roots)
    world = fleet(stack, tmp_path, one, two)
    source, target = (git_dir(root, REPOSITORY) for root in roots)
    listing = world.refs(one, REPOSITORY)
    assert isinstance(listing, Listing)
    assert dict(listing.refs) == history.refs(source)
    assert listing.head == MAIN
    assert world.refs(two, REPOSITORY) == Listing(())
    assert world.refs(one, Coordinate("a" * 64, "none")) == Absent()

    updates = tuple(RefUpdate(name, ZERO, oid) for name, oid in listing.refs)
    world.gather(REPOSITORY, frozenset(u.new for u in updates), (one,))
    assert world.push(two, REPOSITORY, updates) == Pushed(sent=True)
    assert history.refs(target) == history.refs(source)
    history.git(target, "fsck", "--full", "--strict")
    assert not world.push(two, REPOSITORY, updates).sent

    # then a thin pack on top, together with a deletion
    old = dict(listing.refs)[MAIN]
    new = history.extend(source, 6)
    gone = RefUpdate("refs/tags/nightly", dict(listing.refs)["refs/tags/nightly"], ZERO)
    world.gather(REPOSITORY, frozenset({new}), (one,))
    world.push(two, REPOSITORY, (RefUpdate(MAIN, old, new), gone))
    expected = {**history.refs(source)}
    del expected["refs/tags/nightly"]
    assert history.refs(target) == expected
    history.git(target, "fsck", "--full", "--strict")


def test_malformed_objects_are_refused_over_http_too(
    stack: ExitStack, tmp_path: Path, roots: list[Path]
) -> None:
    one = stack.enter_context(backend(roots[0]))
    world = fleet(stack, tmp_path, one)
    source = git_dir(roots[0], REPOSITORY)
    text = f"tree {EMPTY_TREE}\nauthor A <a@b> x +0000\ncommitter A <a@b> 1 +0000\n\nhi\n"
    for kind, data in (("tree", b""), ("commit", text.encode())):
        flags = ("-t", kind, "-w", "--stdin", "--literally")
        oid = history.git(source, "hash-object", *flags, stdin=data).decode().strip()
    history.git(source, "update-ref", MAIN, oid)
    with pytest.raises(Failure, match="could not be fetched"):
        world.gather(REPOSITORY, frozenset({oid}), (one,))
    assert world.archived(REPOSITORY, frozenset({oid})) == frozenset()
    good = history.refs(source)["refs/tags/nightly"]
    world.gather(REPOSITORY, frozenset({good}), (one,))  # the server itself does answer


EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_one_refused_ref_leaves_all_as_they_were(
    stack: ExitStack, tmp_path: Path, roots: list[Path]
) -> None:
    """The push is atomic: git refuses the branch that HEAD names, and keeps the tag, too."""
    one = stack.enter_context(backend(roots[0]))
    world = fleet(stack, tmp_path, one)
    source = git_dir(roots[0], REPOSITORY)
    before = history.refs(source)
    names = (MAIN, "refs/tags/nightly")
    found = world.push(one, REPOSITORY, tuple(RefUpdate(n, before[n], ZERO) for n in names))
    assert {name for name, _ in found.refused} == set(names)
    assert history.refs(source) == before
