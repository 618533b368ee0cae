"""git smart HTTP: the real git in both protocol versions, and raw requests."""

from __future__ import annotations

import gzip
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from reconciler.git import advertisement, pktline, receive_pack
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import nip19, urls
from reconciler.sandbox.server import RunningServer
from tests.kit.git import ZERO, Work, git
from tests.kit.servers import ALICE, NOW, hosted, publish, remote_refs, served

MAIN = "refs/heads/main"


@pytest.fixture
def widget(server: RunningServer, work: Work) -> str:
    """A hosted repository whose name needs encoding; its commit."""
    return hosted(server, work, ALICE, "wid get/☃".replace("/", "+"))


@pytest.fixture
def url(server: RunningServer, widget: str) -> str:
    return urls.clone(server.url, ALICE.pubkey, "wid get+☃")


@pytest.mark.parametrize("protocol", [0, 2])
def test_clone_fetch_and_bare_object_id(
    server: RunningServer, work: Work, widget: str, url: str, tmp_path: Path, protocol: int
) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", url, clone, protocol=protocol)
    assert git("rev-parse", "HEAD", cwd=clone) == widget
    assert git("symbolic-ref", "HEAD", cwd=clone) == MAIN
    second = work.commit("second", widget)
    publish(server, ALICE.state("wid get+☃", {MAIN: second}, at=NOW + 1))
    work.git("push", url, f"{second}:{MAIN}", protocol=protocol)
    git("fetch", "-q", "origin", protocol=protocol, cwd=clone)
    assert git("rev-parse", "origin/main", cwd=clone) == second
    other = Work(tmp_path / "other.git")
    git("init", "-q", "--bare", other.path)
    other.git("fetch", "-q", url, widget, protocol=protocol)  # reachable, and no tip any more
    assert other.git("cat-file", "-t", widget) == "commit"


def test_what_is_served_names_its_capabilities_and_head(url: str) -> None:
    answer = requests.get(f"{url}/info/refs?service=git-upload-pack", timeout=5)
    found = advertisement.parse(answer.content, advertisement.UPLOAD)
    wanted = {"allow-tip-sha1-in-want", "allow-reachable-sha1-in-want", "filter"}
    assert wanted <= found.capabilities
    assert found.head == MAIN
    assert answer.headers["Cache-Control"] == "no-cache"


def test_version_two_has_no_service_header(url: str) -> None:
    answer = requests.get(
        f"{url}/info/refs?service=git-upload-pack",
        headers={"Git-Protocol": "version=2"},
        timeout=5,
    )
    assert pktline.parse_all(answer.content)[0] == b"version 2\n"


def test_git_clones_without_the_blobs(url: str, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", "--filter=blob:none", url, tmp_path / "partial.git")


def test_an_announced_repository_is_served_while_empty(
    server: RunningServer, tmp_path: Path
) -> None:
    publish(server, ALICE.announce(server, "empty"))
    url = urls.clone(server.url, ALICE.pubkey, "empty")
    for service in (advertisement.UPLOAD, advertisement.RECEIVE):
        answer = requests.get(f"{url}/info/refs?service={service}", timeout=5)
        found = advertisement.parse(answer.content, service)
        assert found.refs == ()
    # For upload-pack, git sends capabilities of an empty repository only since 2.41.
    assert "report-status" in found.capabilities
    git("clone", "-q", url, tmp_path / "empty")


def test_a_gzipped_body_is_read_as_plain(
    server: RunningServer, work: Work, widget: str, url: str
) -> None:
    body = receive_pack.request_head(
        (RefUpdate(MAIN, widget, widget),), frozenset({"report-status"})
    )
    answer = requests.post(
        f"{url}/git-receive-pack",
        data=gzip.compress(body),
        headers={"Content-Encoding": "gzip"},
        timeout=5,
    )
    assert receive_pack.parse_report(answer.content).unpack is not None


def test_a_large_push_is_chunked(server: RunningServer, work: Work) -> None:
    """Over http.postBuffer git first sends a request with a lone flush, then chunks."""
    path = work.path / "noise"
    path.write_bytes(bytes(i * i % 251 for i in range(300_000)))
    blob = work.git("hash-object", "-w", str(path))
    work.git("tag", "blob", blob)
    commit = work.commit("x")
    publish(server, ALICE.announce(server, "big"))
    publish(server, ALICE.state("big", {MAIN: commit, "refs/tags/blob": blob}))
    url = urls.clone(server.url, ALICE.pubkey, "big")
    work.git("-c", "http.postBuffer=1000", "push", url, f"{commit}:{MAIN}", "blob")
    assert remote_refs(server, ALICE, "big")["refs/tags/blob"] == blob
    assert server.counters.snapshot()["pushes_received"] == 1


def test_damaged_packs_are_refused(server: RunningServer, work: Work) -> None:
    publish(server, ALICE.announce(server, "widget"))
    publish(server, ALICE.state("widget", {MAIN: "1" * 40}))
    url = urls.clone(server.url, ALICE.pubkey, "widget") + "/git-receive-pack"
    head = receive_pack.request_head((RefUpdate(MAIN, ZERO, "1" * 40),), frozenset())
    for body, status in ((b"zzzz", 400), (head[:-4], 400), (b"", 400)):
        assert requests.post(url, data=body, timeout=5).status_code == status
    requests.post(url, data=head + b"PACK\0\0\0\2garbage", timeout=5)
    assert remote_refs(server, ALICE, "widget") == {}
    assert publish(server, ALICE.state("widget", {MAIN: "1" * 40}))[0][1].startswith("duplicate")


def test_a_slow_upload_stalls_nobody(server: RunningServer, work: Work, url: str) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as slow:
        path = url.removeprefix(server.url)
        slow.sendall(
            f"POST {path}/git-receive-pack HTTP/1.1\r\nHost: x\r\n"
            "Transfer-Encoding: chunked\r\n\r\n4\r\n0096\r\n".encode()
        )
        commit = work.commit("second")
        publish(server, ALICE.state("wid get+☃", {MAIN: commit}, at=NOW + 1))
        assert work.push(server, ALICE, "wid get+☃", f"+{commit}:{MAIN}")


def test_many_pushes_at_once(server: RunningServer, work: Work) -> None:
    """Several repositories, pushed in parallel, all come out right."""
    commits = {f"repo {i}": work.commit(f"parallel {i}") for i in range(6)}
    for name, commit in commits.items():
        publish(server, ALICE.announce(server, name), ALICE.state(name, {MAIN: commit}))
    with ThreadPoolExecutor(6) as pool:
        done = pool.map(
            lambda pair: work.push(server, ALICE, pair[0], f"{pair[1]}:{MAIN}"), commits.items()
        )
        assert all(done)
    assert len(served(server, kinds=[30_617])) == len(commits)


def test_what_is_not_there(server: RunningServer, url: str) -> None:
    npub = nip19.npub(ALICE.pubkey)
    for path, status in (
        (f"/{npub}/other.git/info/refs?service=git-upload-pack", 404),
        (f"/{npub}/%2e%2e%2f%2e%2e.git/info/refs?service=git-upload-pack", 404),
        (f"/{npub}/%ff.git/info/refs?service=git-upload-pack", 404),
        (f"/{npub[:-1]}x/widget.git/info/refs?service=git-upload-pack", 404),
        (f"/{npub}/widget.git/HEAD", 404),
        ("/elsewhere", 404),
    ):
        assert requests.get(server.url + path, timeout=5).status_code == status, path
    assert requests.get(f"{url}/info/refs", timeout=5).status_code == 404  # the dumb protocol
    assert requests.get(f"{url}/git-upload-pack", timeout=5).status_code == 405
    assert requests.post(f"{url}/info/refs", timeout=5).status_code == 405
    bad = f"{server.url}/{npub[:-1]}x/widget.git/git-receive-pack"
    assert requests.post(bad, timeout=5).status_code == 400


def test_every_answer_may_be_read_by_a_browser(server: RunningServer, url: str) -> None:
    for path in (server.url, f"{url}/info/refs?service=git-upload-pack", f"{server.url}/none"):
        for answer in (requests.get(path, timeout=5), requests.options(path, timeout=5)):
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.status_code == 204
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]


def test_peers_names_never_become_paths(server: RunningServer) -> None:
    publish(server, ALICE.announce(server, "..%2f x"))
    path = server.repo_path(ALICE.pubkey, "..%2f x")
    assert path.is_dir()
    assert path.parent == server.spec.directory / "git" / ALICE.pubkey
    assert len(path.stem) == 64


def test_children_have_no_hooks(server: RunningServer, work: Work, url: str) -> None:
    path = server.repo_path(ALICE.pubkey, "wid get+☃")
    hook = path / "hooks" / "pre-receive"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    commit = work.commit("x")
    assert work.push(server, ALICE, "wid get+☃", f"{commit}:refs/nostr/{'a' * 64}")
