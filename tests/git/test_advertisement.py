"""Ref advertisements: git's own are read right, incomplete ones not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.git import advertisement, pktline
from reconciler.git.advertisement import RECEIVE, UPLOAD, ZERO
from reconciler.git.pktline import FLUSH
from reconciler.limits import ADVERT_REFS

from .conftest import Git

A, B = "a" * 40, "b" * 40
HEADER = pktline.encode_all([b"# service=git-upload-pack\n", FLUSH])


def lines(*found: str) -> bytes:
    return HEADER + pktline.encode_all([*(line.encode() for line in found), FLUSH])


def asked(git: Git, folder: Path, service: str) -> bytes:
    """What a smart HTTP server sends: the header, then git's words."""
    body = git(folder, service.removeprefix("git-"), "--http-backend-info-refs", ".")
    return pktline.encode_all([f"# service={service}\n".encode(), FLUSH]) + body


def listed(git: Git, folder: Path) -> tuple[tuple[str, str], ...]:
    out = git(folder, "for-each-ref", "--format=%(refname) %(objectname)").decode()
    names = (line.split(" ") for line in out.splitlines())
    return tuple(sorted((name, oid) for name, oid in names))


@pytest.mark.parametrize("service", [UPLOAD, RECEIVE])
def test_what_git_advertises_is_read_in_full(git: Git, repository: Path, service: str) -> None:
    found = advertisement.parse(asked(git, repository, service), service)
    assert found.refs == listed(git, repository)
    assert len(found.refs) == 3
    assert any(c.startswith("agent=git/") for c in found.capabilities)
    assert found.head == ("refs/heads/main" if service == UPLOAD else None)


@pytest.mark.parametrize("service", [UPLOAD, RECEIVE])
def test_an_empty_repository_has_no_refs(git: Git, tmp_path: Path, service: str) -> None:
    git(tmp_path, "init", "-q", "--bare", "e.git")
    found = advertisement.parse(asked(git, tmp_path / "e.git", service), service)
    assert found.refs == ()
    assert bool(found.capabilities) == (service == RECEIVE)


def test_objects_of_an_alternate_are_no_refs(git: Git, repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", "--shared", str(repository), "s.git")
    git(tmp_path / "s.git", "update-ref", "-d", "refs/heads/main")
    body = asked(git, tmp_path / "s.git", RECEIVE)
    assert b" .have" in body
    assert advertisement.parse(body, RECEIVE).refs == listed(git, tmp_path / "s.git")


def test_every_cut_is_noticed(git: Git, repository: Path) -> None:
    body = asked(git, repository, UPLOAD)
    for end in range(len(body)):
        with pytest.raises(PeerFault):
            advertisement.parse(body[:end], UPLOAD)


def test_an_answer_without_capabilities() -> None:
    assert advertisement.parse(HEADER + b"0000", UPLOAD).refs == ()
    assert advertisement.parse(lines(f"{A} refs/heads/x\n"), UPLOAD).capabilities == frozenset()


def test_decoration_is_left_out() -> None:
    body = lines(
        f"{A} HEAD\0 symref=HEAD:refs/heads/x multi_ack\n",
        f"{A} refs/heads/x\n",
        f"{B} refs/tags/v\n",
        f"{A} refs/tags/v^{{}}\n",
        f"shallow {A}\n",
        f"{B} .have\n",
    )
    found = advertisement.parse(body, UPLOAD)
    assert found.refs == (("refs/heads/x", A), ("refs/tags/v", B))
    assert found.head == "refs/heads/x"
    assert "multi_ack" in found.capabilities


def test_names_of_refs_are_bytes_and_stay_so() -> None:
    body = HEADER + pktline.encode_all([A.encode() + b" refs/heads/\xff", FLUSH])
    assert advertisement.parse(body, UPLOAD).refs == (("refs/heads/\udcff", A),)


WRONG = {
    "nothing": b"",
    "html": b"<html><body>404</body></html>",
    "other service": HEADER + b"0000",
    "no header": lines(f"{A} refs/heads/x")[len(HEADER) :],
    "no flush after the header": pktline.encode_all([b"# service=git-receive-pack\n", A.encode()]),
    "header alone": pktline.encode_all([b"# service=git-receive-pack\n"]),
    "header and flush": pktline.encode_all([b"# service=git-receive-pack\n", FLUSH]),
}


@pytest.mark.parametrize("name", WRONG)
def test_no_advertisement_of_this_service(name: str) -> None:
    with pytest.raises(PeerFault):
        advertisement.parse(WRONG[name], RECEIVE)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        A,
        f"{A} ",
        f"{A[:-1]} refs/heads/x",
        f"{A}{A[:24]} refs/heads/x",
        f"{A.upper()} refs/heads/x",
        f"{A}\trefs/heads/x",
        "version 1",
        "ERR no",
        f"{ZERO[:-1]}g refs/x",
    ],
)
def test_a_malformed_line_is_the_peers_fault(line: str) -> None:
    with pytest.raises(PeerFault):
        advertisement.parse(lines(line), UPLOAD)
    with pytest.raises(PeerFault):
        advertisement.parse(lines(f"{A} refs/heads/ok", line), UPLOAD)


@pytest.mark.parametrize(
    "body",
    [
        pktline.encode_all([b"ERR go away\n"]),
        lines("ERR go away"),
        pktline.encode_all([b"ERR go away", FLUSH]),
    ],
)
def test_the_servers_reason_is_kept(body: bytes) -> None:
    with pytest.raises(PeerFault, match=r"the server says: go away$"):
        advertisement.parse(body, UPLOAD)


def test_a_mark_between_refs() -> None:
    with pytest.raises(PeerFault, match="mark"):
        advertisement.parse(
            lines(f"{A} refs/heads/x") + lines(f"{A} refs/heads/y")[len(HEADER) :], UPLOAD
        )


def test_more_refs_than_we_take_are_refused() -> None:
    many = (f"{A} refs/heads/{n}" for n in range(ADVERT_REFS + 1))
    with pytest.raises(PeerFault, match="more than"):
        advertisement.parse(lines(*many), UPLOAD)


@given(
    st.binary()
    | st.lists(st.binary(max_size=60)).map(lambda p: HEADER + pktline.encode_all([*p, FLUSH]))
)
def test_arbitrary_bytes_raise_only_peer_faults(body: bytes) -> None:
    with contextlib.suppress(PeerFault):
        advertisement.parse(body, UPLOAD)


def test_a_head_that_names_several_branches_is_refused() -> None:
    several = " ".join(f"symref=HEAD:refs/heads/{n}" for n in range(5))
    with pytest.raises(PeerFault, match="5 times what HEAD names"):
        advertisement.parse(lines(f"{A} refs/heads/main\0 {several}\n"), UPLOAD)
