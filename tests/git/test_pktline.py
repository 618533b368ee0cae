"""pkt-lines: whole, with more behind, cut off, and as nobody should write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.git import pktline
from reconciler.git.pktline import FLUSH, Packet, Special
from reconciler.limits import PKT_BYTES

# gitprotocol-common, "pkt-line Format"
EXAMPLES: dict[bytes, tuple[Packet, ...]] = {
    b"0006a\n": (b"a\n",),
    b"0005a": (b"a",),
    b"000bfoobar\n": (b"foobar\n",),
    b"0004": (b"",),
    b"0000": (FLUSH,),
    b"00010002": (Special.DELIM, Special.RESPONSE_END),
    b"0005a00000006bc0000": (b"a", FLUSH, b"bc", FLUSH),
    b"000Ahello\n": (b"hello\n",),
    b"": (),
}
PACKETS = st.lists(st.binary(max_size=40) | st.sampled_from(list(Special)), max_size=8).map(tuple)


@pytest.mark.parametrize("data", EXAMPLES)
def test_examples_of_the_format_are_read(data: bytes) -> None:
    assert pktline.parse_all(data) == EXAMPLES[data]


@given(PACKETS)
def test_packets_that_are_read_back_are_the_same(packets: tuple[Packet, ...]) -> None:
    assert pktline.parse_all(pktline.encode_all(packets)) == packets


@given(PACKETS, st.binary(max_size=30))
def test_what_stands_behind_the_first_flush(packets: tuple[Packet, ...], tail: bytes) -> None:
    before = tuple(p for p in packets if p is not FLUSH)
    data = pktline.encode_all([*before, FLUSH])
    assert pktline.split(data + tail) == ((*before, FLUSH), tail)


@given(PACKETS, st.data())
def test_a_cut_in_a_packet_is_noticed_wherever_it_is(
    packets: tuple[Packet, ...], data: st.DataObject
) -> None:
    whole = pktline.encode_all(packets)
    ends = [len(pktline.encode_all(packets[:n])) for n in range(len(packets) + 1)]
    cut = data.draw(st.integers(0, len(whole)))
    if cut in ends:
        assert pktline.parse_all(whole[:cut]) == packets[: ends.index(cut)]
    else:
        with pytest.raises(PeerFault, match="middle"):
            pktline.parse_all(whole[:cut])


BAD_LENGTHS = [
    b"0003",
    b"fff1",
    b"ffff",
    b"zzzz",
    b"-001",
    b"+010",
    b" 010",
    b"0x1f",
    b"1_00",
    b"\xc0\xb2  ",
    b"ERR ",
    b"<htm",
    b"00\n0",
]


@pytest.mark.parametrize("head", BAD_LENGTHS)
def test_an_impossible_length_is_refused_at_once(head: bytes) -> None:
    for parse in (pktline.parse_all, pktline.split):
        with pytest.raises(PeerFault, match="impossible length"):
            parse(head + b"x" * 70_000)


def test_the_longest_packet_is_taken_and_no_longer_one() -> None:
    longest = b"x" * (PKT_BYTES - 4)
    assert pktline.parse_all(pktline.encode(longest)) == (longest,)
    assert pktline.encode(longest)[:4] == b"fff0"
    with pytest.raises(ValueError, match="too long"):
        pktline.encode(longest + b"x")


def test_what_ends_before_the_flush_is_refused() -> None:
    for data in (b"", b"00", b"0005a", b"0005", b"0001"):
        with pytest.raises(PeerFault, match="no flush"):
            pktline.split(data)


@given(st.binary() | st.text(alphabet="0123456789abcdefx", max_size=40).map(str.encode))
def test_arbitrary_bytes_raise_only_peer_faults(data: bytes) -> None:
    for parse in (pktline.parse_all, pktline.split):
        with contextlib.suppress(PeerFault):
            parse(data)
