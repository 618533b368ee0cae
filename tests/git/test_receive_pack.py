"""Pushes: git itself obeys our requests, and we understand what it answers."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.git import advertisement, pktline, receive_pack
from reconciler.git.advertisement import RECEIVE, ZERO
from reconciler.git.pktline import FLUSH
from reconciler.git.receive_pack import PushReport, RefUpdate
from reconciler.limits import PEER_TEXT_CHARS

from .conftest import Git

A, B = "a" * 40, "b" * 40
NONE: frozenset[str] = frozenset()
EMPTY_PACK = b"PACK\0\0\0\2\0\0\0\0" + bytes.fromhex("029d08823bd8a8eab510ad6ac75c823cfd3ed31e")


def offered(git: Git, folder: Path) -> frozenset[str]:
    body = git(folder, "receive-pack", "--http-backend-info-refs", ".")
    header = pktline.encode_all([f"# service={RECEIVE}\n".encode(), FLUSH])
    return advertisement.parse(header + body, RECEIVE).capabilities


def push(git: Git, folder: Path, *updates: RefUpdate, without: frozenset[str] = NONE) -> PushReport:
    head = receive_pack.request_head(updates, offered(git, folder) - without)
    pack = b"" if all(u.deletes for u in updates) else EMPTY_PACK
    out = git(folder, "receive-pack", "--stateless-rpc", ".", stdin=head + pack)
    return receive_pack.parse_report(out)


def oid(git: Git, folder: Path, name: str) -> str:
    return git(folder, "rev-parse", "-q", "--verify", name, ok=(0, 1)).decode().strip() or ZERO


# --- against git -----------------------------------------------------------------------------

SIDEBAND = frozenset({"side-band-64k"})


@pytest.mark.parametrize("without", [NONE, SIDEBAND])
def test_git_creates_moves_and_deletes(git: Git, repository: Path, without: frozenset[str]) -> None:
    main, first = oid(git, repository, "main"), oid(git, repository, "topic/é")
    updates = (
        RefUpdate("refs/heads/new/ü", ZERO, first),
        RefUpdate("refs/heads/topic/é", first, main),
        RefUpdate("refs/tags/v1", oid(git, repository, "v1"), ZERO),
    )
    report = push(git, repository, *updates, without=without)
    assert report.unpack == "ok"
    assert report.accepted == {u.name for u in updates}
    assert report.refused == ()
    assert [oid(git, repository, u.name) for u in updates] == [first, main, ZERO]


def test_deletes_alone_need_no_pack(git: Git, repository: Path) -> None:
    update = RefUpdate("refs/heads/topic/é", oid(git, repository, "topic/é"), ZERO)
    assert push(git, repository, update).accepted == {update.name}
    assert oid(git, repository, "topic/é") == ZERO


def test_one_stale_ref_stops_all_of_an_atomic_push(git: Git, repository: Path) -> None:
    main, first = oid(git, repository, "main"), oid(git, repository, "topic/é")
    updates = (RefUpdate("refs/heads/new", ZERO, main), RefUpdate("refs/heads/main", first, first))
    report = push(git, repository, *updates)
    assert report.accepted == NONE
    assert {name for name, _ in report.refused} == {u.name for u in updates}
    assert oid(git, repository, "refs/heads/new") == ZERO


def test_without_atomic_the_others_go_through(git: Git, repository: Path) -> None:
    main, first = oid(git, repository, "main"), oid(git, repository, "topic/é")
    updates = (RefUpdate("refs/heads/new", ZERO, main), RefUpdate("refs/heads/main", first, first))
    report = push(git, repository, *updates, without=frozenset({"atomic"}))
    assert report.accepted == {"refs/heads/new"}
    assert [name for name, _ in report.refused] == ["refs/heads/main"]


def test_what_a_hook_says_is_chatter(git: Git, repository: Path) -> None:
    hook = repository / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    report = push(git, repository, RefUpdate("refs/heads/new", ZERO, oid(git, repository, "main")))
    assert report.refused == (("refs/heads/new", "pre-receive hook declined"),)
    assert "not today" in report.chatter


def test_git_never_says_that_it_took_a_broken_pack(git: Git, repository: Path) -> None:
    update = RefUpdate("refs/heads/new", ZERO, oid(git, repository, "main"))
    head = receive_pack.request_head((update,), offered(git, repository))
    out = git(
        repository, "receive-pack", "--stateless-rpc", ".", stdin=head + b"PACKjunk", ok=(0, 1, 128)
    )
    with contextlib.suppress(PeerFault):
        report = receive_pack.parse_report(out)
        assert report.unpack != "ok"
        assert report.accepted == NONE


# --- requests --------------------------------------------------------------------------------

OIDS = st.sampled_from([A, B, ZERO])
# names are bytes to git, and stand in our values as UTF-8 with surrogate escapes
NAMES = (
    st.binary(min_size=1, max_size=40)
    .filter(lambda name: not set(name) & set(b"\0\n"))
    .map(lambda name: name.decode("utf-8", "surrogateescape"))
)
UPDATES = st.lists(
    st.builds(RefUpdate, NAMES, OIDS, OIDS),
    min_size=1,
    max_size=4,
).map(tuple)
CAPABILITIES = st.frozensets(
    st.sampled_from(
        [
            "report-status",
            "side-band-64k",
            "atomic",
            "ofs-delta",
            "delete-refs",
            "quiet",
            "object-format=sha1",
            "agent=x",
            "push-options",
        ]
    )
)


@given(UPDATES, CAPABILITIES, st.binary(max_size=20))
def test_a_server_reads_what_a_client_wrote(
    updates: tuple[RefUpdate, ...], capabilities: frozenset[str], pack: bytes
) -> None:
    head = receive_pack.request_head(updates, capabilities)
    read, asked_for, rest = receive_pack.parse_request(head + pack)
    assert (read, rest) == (updates, pack)
    assert asked_for <= capabilities | {receive_pack.AGENT}
    assert not asked_for & {"quiet", "push-options", "agent=x"}


def test_names_that_are_no_utf8() -> None:
    updates = (RefUpdate("refs/heads/\udcff", ZERO, A),)
    head = receive_pack.request_head(updates, NONE)
    assert b"refs/heads/\xff\0" in head
    assert receive_pack.parse_request(head)[0] == updates


def test_what_an_update_is() -> None:
    assert RefUpdate("r", ZERO, A).creates
    assert RefUpdate("r", A, ZERO).deletes
    assert not RefUpdate("r", A, B).creates


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"x",
        f"{A} {B}".encode(),
        f"{A} {B} ".encode(),
        f"{A[:-1]} {B} r".encode(),
        f"{A} {B.upper()} r".encode(),
        f"shallow {A}".encode(),
        b"push-cert\0",
        f"{A}  {B} r".encode(),
    ],
)
def test_a_command_of_another_form_is_refused(command: bytes) -> None:
    with pytest.raises(PeerFault):
        receive_pack.parse_request(pktline.encode_all([command, FLUSH]))


def test_a_mark_between_commands() -> None:
    with pytest.raises(PeerFault, match="mark"):
        receive_pack.parse_request(b"0001" + pktline.encode_all([f"{A} {B} r".encode(), FLUSH]))


# --- reports ---------------------------------------------------------------------------------

STATUS = pktline.encode_all(
    [
        b"unpack ok\n",
        b"ok refs/heads/a\n",
        b"ng refs/heads/b no way\n",
        b"option refname x\n",
        FLUSH,
    ]
)
EXPECTED = PushReport("ok", frozenset({"refs/heads/a"}), (("refs/heads/b", "no way"),))


def test_a_report_without_a_band_is_read() -> None:
    assert receive_pack.parse_report(STATUS) == EXPECTED


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_report_in_the_side_band_however_it_is_cut(size: int) -> None:
    pieces = [b"\1" + STATUS[i : i + size] for i in range(0, len(STATUS), size)]
    body = pktline.encode_all([b"\2hello ", *pieces, b"\2there\n", FLUSH])
    report = receive_pack.parse_report(body)
    assert (report.unpack, report.accepted, report.refused) == (
        "ok",
        EXPECTED.accepted,
        EXPECTED.refused,
    )
    assert report.chatter == "hello there"


@pytest.mark.parametrize("body", [b"", b"0000"])
def test_no_report_is_none(body: bytes) -> None:
    assert receive_pack.parse_report(body) == PushReport(None, NONE, ())


@pytest.mark.parametrize(
    "body",
    [
        pktline.encode_all([b"ERR not authorised\n"]),
        pktline.encode_all([b"ERR not authorised", FLUSH]),
        pktline.encode_all([b"\2wait", b"\3not authorised\n", FLUSH]),
        pktline.encode_all([b"\3not authorised"]),
    ],
)
def test_the_servers_reason_is_kept(body: bytes) -> None:
    with pytest.raises(PeerFault, match=r"^not authorised$"):
        receive_pack.parse_report(body)


@pytest.mark.parametrize(
    "body",
    [
        STATUS[:-6],
        b"<html>",
        pktline.encode_all([b"hello", FLUSH]),
        pktline.encode_all([b"\1junk", FLUSH]),
        pktline.encode_all([b"\1" + STATUS[:-6], FLUSH]),
        pktline.encode_all([b"", FLUSH]),
    ],
)
def test_a_report_that_is_none_is_the_peers_fault(body: bytes) -> None:
    with pytest.raises(PeerFault):
        receive_pack.parse_report(body)


LINES = st.lists(
    st.binary(max_size=30) | st.sampled_from([b"unpack ok", b"ng x", b"\1", b"\2", b"\3x", b"ERR "])
)


def sideband(band: bytes, data: bytes) -> list[bytes]:
    return [band + data[start : start + 60_000] for start in range(0, len(data), 60_000)]


def test_what_a_server_says_is_cut_and_not_stored_by_the_megabyte() -> None:
    """Chatter, the reason of a refusal, a name, and a fatal message: each 3 MB as it comes."""
    long = b"x" * 3_000_000
    status = pktline.encode_all(
        [
            b"unpack " + long[:60_000],
            b"ng refs/heads/" + long[:30_000] + b" " + long[:30_000],
            FLUSH,
        ]
    )
    body = pktline.encode_all([*sideband(b"\2", long), *sideband(b"\1", status), FLUSH])
    report = receive_pack.parse_report(body)
    ((name, reason),) = report.refused
    assert max(map(len, (report.chatter, report.unpack or "", name, reason))) == PEER_TEXT_CHARS
    with pytest.raises(PeerFault) as found:
        receive_pack.parse_report(pktline.encode_all([b"\3" + long[:60_000], FLUSH]))
    assert len(str(found.value)) == PEER_TEXT_CHARS


@given(st.binary() | LINES.map(pktline.encode_all))
def test_arbitrary_bytes_raise_only_peer_faults(body: bytes) -> None:
    for parse in (receive_pack.parse_report, receive_pack.parse_request):
        with contextlib.suppress(PeerFault):
            parse(body)
