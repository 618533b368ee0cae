"""Messages: both directions, every cut, and hostile bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.limits import NEG_MESSAGE_BYTES
from reconciler.nostr.negentropy.items import INFINITY, TIME_BYTES
from reconciler.nostr.negentropy.wire import (
    VERSION,
    Digest,
    IdList,
    OtherVersion,
    Range,
    Skip,
    parse,
    write,
)


def bound(time: int, prefix: bytes = b"") -> bytes:
    return time.to_bytes(TIME_BYTES) + prefix


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("61", ()),
        ("61000000", (Skip(INFINITY),)),
        ("61" + "650000" + "00000200", (Skip(bound(100)), IdList(INFINITY, ()))),
        ("61" + "6501ab00" + "0101ac00", (Skip(bound(100, b"\xab")), Skip(bound(100, b"\xac")))),
        ("61" + "000001" + "77" * 16, (Digest(INFINITY, b"\x77" * 16),)),
        ("61" + "000002" + "01" + "88" * 32, (IdList(INFINITY, (b"\x88" * 32,)),)),
        # a reference responder whose frame is full behind its last range says infinity twice
        ("61" + "000000" + "000001" + "00" * 16, (Skip(INFINITY), Digest(INFINITY, bytes(16)))),
    ],
)
def test_messages_have_their_published_forms(text: str, ranges: tuple[Range, ...]) -> None:
    assert parse(bytes.fromhex(text)) == ranges
    assert (bytes([VERSION]) + write(ranges)[0]).hex() == text


IDS = st.binary(min_size=32, max_size=32)
BOUNDS = st.builds(bound, st.integers(0, 2**64 - 2), st.binary(max_size=32))


FINGERPRINTS = st.binary(min_size=16, max_size=16)
LISTS = st.lists(IDS, max_size=3).map(tuple)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Range, ...]:
    ranges: list[Range] = []
    ends = draw(st.integers(0, 2)) * [INFINITY]
    for upper in (*sorted(draw(st.lists(BOUNDS, max_size=4))), *ends):
        one = st.just(upper)
        ranges.append(
            draw(
                st.builds(Skip, one)
                | st.builds(Digest, one, FINGERPRINTS)
                | st.builds(IdList, one, LISTS)
            )
        )
    return tuple(ranges)


@given(messages(), st.data())
def test_round_trip_and_every_cut(ranges: tuple[Range, ...], data: st.DataObject) -> None:
    whole = bytes([VERSION]) + write(ranges)[0]
    assert parse(whole) == ranges
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    with contextlib.suppress(PeerFault):
        assert ranges[: len(parse(cut))] == parse(cut)


@given(messages(), messages())
def test_written_in_two_parts_it_is_the_same(
    one: tuple[Range, ...], two: tuple[Range, ...]
) -> None:
    ranges = tuple(sorted((*one, *two), key=lambda r: r.upper))
    head, time = write(ranges[:3])
    assert head + write(ranges[3:], time)[0] == write(ranges)[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5f",
        "70",
        "00",
        "6165",  # a bound without a length
        "616500",  # without a mode
        "61650003",  # an unknown mode
        "6165000180",  # a cut fingerprint
        "61650002",  # a list without a count
        "6165000201" + "00" * 31,
        "61000002ffffffffffffffff7f",  # a count that no message can hold
        "616521" + "00" * 33 + "00",  # a bound longer than an id
        "61" + "020000" + "81" + "ff" * 8 + "7f0000",  # infinity, but not written as 0
        "61" + "6501ab00" + "0101aa00",  # prefixes that go back
        "61" + "000000" + "650000",  # a time behind infinity
    ],
)
def test_a_broken_message_is_the_peers_fault(text: str) -> None:
    with pytest.raises(PeerFault):
        parse(bytes.fromhex(text))


@pytest.mark.parametrize("first", [0x60, 0x62, 0x6F])
def test_other_versions_are_told_apart(first: int) -> None:
    with pytest.raises(OtherVersion):
        parse(bytes([first, 1, 2, 3]))


def test_too_large_a_message_is_refused_unread() -> None:
    with pytest.raises(PeerFault, match="larger"):
        parse(bytes([VERSION]) * (NEG_MESSAGE_BYTES + 1))


@given(st.binary(max_size=80).map(lambda data: bytes([VERSION]) + data) | st.binary(max_size=80))
def test_arbitrary_bytes_raise_only_peer_faults(data: bytes) -> None:
    with contextlib.suppress(PeerFault):
        parse(data)
