"""A fetch as values: the request by its grammar, and the answer however it is cut."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.git.pktline import FLUSH, Special, encode_all, parse_all
from reconciler.git.upload_pack import Answer, request
from reconciler.limits import CHILD_CHATTER_BYTES

ONE, TWO = "1" * 40, "2" * 40
OFFERED = frozenset({"side-band-64k", "thin-pack", "ofs-delta", "shallow", "agent=git/2.39.5"})
PACK = b"PACK" + bytes(range(256)) * 3


def wrapped(pack: bytes, size: int = 100, *before: bytes) -> bytes:
    parts = [pack[start : start + size] for start in range(0, len(pack), size)]
    return encode_all([*before, *(b"\1" + part for part in parts), FLUSH])


def read(data: bytes, size: int = 10**6) -> bytes:
    answer = Answer()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    found = b"".join([answer.feed(piece) for piece in pieces])
    answer.end()
    return found


def test_a_request_names_wants_then_haves_and_only_what_the_server_can_do() -> None:
    first, second, flush, have, done = parse_all(request([TWO, ONE], ["3" * 40], OFFERED))
    words = b"side-band-64k thin-pack agent=grasp-reconciler"
    assert first == b"want " + ONE.encode() + b" ofs-delta " + words + b"\n"
    assert (second, flush) == (b"want " + TWO.encode() + b"\n", FLUSH)
    assert (have, done) == (b"have " + b"3" * 40 + b"\n", b"done\n")
    assert parse_all(request([ONE], [], frozenset())) == (
        b"want " + ONE.encode() + b"\n",
        FLUSH,
        b"done\n",
    )


@given(st.integers(1, 300), st.integers(1, 500))
def test_a_pack_comes_through_however_it_is_wrapped_and_cut(size: int, cut: int) -> None:
    for line in (b"NAK\n", b"ACK " + ONE.encode() + b"\n"):
        assert read(wrapped(PACK, size, line), cut) == PACK
        assert read(encode_all([line]) + PACK, cut) == PACK


def test_progress_and_keepalives_are_no_part_of_the_pack() -> None:
    lines = [b"NAK\n", b"\2Counting\r", b"\1" + PACK[:9], b"\1", b"\2done\n", b"\1" + PACK[9:]]
    assert read(encode_all([*lines, FLUSH]) + b"behind the end", 7) == PACK


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (encode_all([b"ERR upload-pack: not our ref"]), "the server says: upload-pack: not our"),
        (encode_all([b"NAK\n", b"\3out of memory\n"]), "the server says: out of memory"),
        (encode_all([b"shallow " + ONE.encode()]), "unknown line"),
        (encode_all([b"\1PACK", b"NAK\n"]), "unknown line"),
        (encode_all([b"NAK\n", Special.DELIM]), "does not have"),
        (encode_all([b"NAK\n", FLUSH]), "no pack"),
        (encode_all([b"NAK\n"]), "no pack"),
        (b"", "no pack"),
        (encode_all([b"NAK\n", b"\1PACK"]) + PACK, "impossible length"),
        (b"<html>", "impossible length"),
    ],
)
def test_what_is_no_pack_is_the_server_s_fault(answer: bytes, words: str) -> None:
    with pytest.raises(PeerFault, match=words):
        read(answer)


def test_a_server_that_only_talks_is_left_after_16_megabytes() -> None:
    answer = Answer()
    line = encode_all([b"\2" + b"x" * 60_000])
    with pytest.raises(PeerFault, match="16 MB of chatter"):
        for _ in range(CHILD_CHATTER_BYTES // 60_000 + 2):
            answer.feed(line)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_arbitrary_bytes_are_a_pack_or_a_fault(data: bytes, cut: int) -> None:
    with suppress(PeerFault):
        assert read(data, cut) in data
